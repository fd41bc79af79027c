"""opensearch-py over our own HTTP client, whose guard, deadline, size cap and redaction hold for it too."""

import asyncio
import zlib
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
from opensearchpy import AsyncOpenSearch
from opensearchpy._async.http_aiohttp import AsyncConnection
from opensearchpy.exceptions import ConnectionError as OpenSearchConnectionError
from opensearchpy.exceptions import ConnectionTimeout, SerializationError, TransportError
from opensearchpy.serializer import JSONSerializer
from yarl import URL

from connectors.opensearch.options import OpenSearchOptions
from hub.sdk.connector import Context
from hub.sdk.http import Client, DeadlineExceeded, HttpError, Response, Tls, basic_auth, user_agent

__all__ = ["Answered", "open_client", "open_http"]

_MAX_ANSWER = 32 * 1024 * 1024
_PIECE = 256 * 1024
_GZIP = 31
"""zlib window bits that write a gzip header."""


class Answered(TransportError):
    """An answer that is no success. `status_code`, `error` (type or text) and `info` as in the library."""

    retry_after_s: float | None = None

    @property
    def reason(self) -> str:
        """The server's own sentence, as far as there is one."""
        detail = self.info.get("error") if isinstance(self.info, dict) else None
        if isinstance(detail, dict):
            return f"{detail.get('type', '')}: {detail.get('reason', '')}"
        return str(detail or self.error)


class _Json(JSONSerializer):
    """orjson both ways; bytes in."""

    def loads(self, s: Any) -> Any:
        try:
            return orjson.loads(s)
        except ValueError as error:
            raise SerializationError("the answer is not JSON", error) from error

    def dumps(self, data: Any) -> Any:
        return data if isinstance(data, str | bytes) else orjson.dumps(data).decode()


class _Connection(AsyncConnection):
    """One node. All nodes share one client, which belongs to who opened it."""

    def __init__(self, *, http: Client, **options: Any) -> None:
        super().__init__(**options)
        self._http = http

    async def perform_request(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        ignore: Collection[int] = (),
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Mapping[str, str], bytes]:
        query = f"?{urlencode(params)}" if params else ""
        sent = {**self.headers, **(headers or {})}
        if self.http_compress and body:
            body, sent["content-encoding"] = await _gzip(body), "gzip"
        try:
            target = URL(f"{self.host}{self.url_prefix}{url}{query}", encoded=True)
            answer = await self._http.request(method, target, headers=sent, body=body, deadline_s=timeout)
        except DeadlineExceeded as error:
            raise ConnectionTimeout("TIMEOUT", str(error), error) from error
        except HttpError as error:
            raise OpenSearchConnectionError("N/A", str(error), error) from error
        if not 200 <= answer.status < 300 and answer.status not in ignore:  # noqa: PLR2004
            raise _answered(answer)
        # The library picks the parser by this header; a proxy's HTML page then simply is no JSON.
        return answer.status, {**answer.headers, "content-type": "application/json"}, answer.body

    async def close(self) -> None:
        """The client is closed by who opened it."""


def _answered(answer: Response) -> Answered:
    try:
        info = orjson.loads(answer.body)
    except ValueError:
        info = None
    detail = info.get("error") if isinstance(info, dict) else None
    kind = detail.get("type") if isinstance(detail, dict) else detail
    text = kind if isinstance(kind, str) else answer.body[:200].decode("utf-8", "replace")
    error = Answered(answer.status, text, info)
    error.retry_after_s = answer.retry_after_s
    return error


async def _gzip(body: bytes) -> bytes:
    """Compress at the fastest level, giving way to others in between: 4 MB take some 50 ms."""
    packer = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    parts = []
    for at in range(0, len(body), _PIECE):
        parts.append(packer.compress(body[at : at + _PIECE]))
        await asyncio.sleep(0)
    return b"".join([*parts, packer.flush()])


def open_http(options: OpenSearchOptions, context: Context) -> Client:
    """The HTTP client below; close it in the end."""
    tls = Tls(
        ca=options.ca, cert=options.client_cert, key=options.client_key, fingerprint=options.fingerprint
    )
    return Client(
        deadline_s=context.deadline_s,
        max_bytes=_MAX_ANSWER,
        allow_networks=context.allow_networks,
        tls=tls,
    )


def open_client(options: OpenSearchOptions, http: Client) -> AsyncOpenSearch:
    """The library's client without retries of its own: those are the sender's business."""
    headers = {"user-agent": user_agent(), **_authorization(options)}
    return AsyncOpenSearch(
        hosts=[_host(url) for url in options.urls],
        connection_class=_Connection,
        serializer=_Json(),
        http=http,
        headers=headers,
        http_compress=options.compress,
        max_retries=0,
        retry_on_status=(),
    )


def _host(url: str) -> dict[str, Any]:
    parsed = URL(url)
    return {
        "host": parsed.raw_host or "",
        "port": parsed.port,
        "use_ssl": parsed.scheme == "https",
        "url_prefix": parsed.raw_path.strip("/"),
    }


def _authorization(options: OpenSearchOptions) -> dict[str, str]:
    if options.api_key is not None:
        return {"authorization": f"ApiKey {options.api_key.get_secret_value()}"}
    if options.username is not None and options.password is not None:
        return {"authorization": basic_auth(options.username, options.password.get_secret_value())}
    return {}
