"""The one outgoing HTTP client: a deadline on everything, a size cap, no redirects, guarded addresses."""

import asyncio
import base64
import io
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

import aiohttp
from yarl import URL

from hub.sdk.http.errors import TooLarge, Unsendable, redact, translate
from hub.sdk.http.guard import Guard
from hub.sdk.http.resolve import Resolver
from hub.sdk.http.retry_after import retry_after_s
from hub.sdk.http.tls import Tls
from hub.sdk.lifetime import Closing

__all__ = ["Client", "Response", "basic_auth", "user_agent"]

MAX_BYTES: Final = 8 * 1024 * 1024
_DNS_TTL_S = 30
_PIECEWISE = 512 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer of any status, 3xx included: redirects are never followed."""

    status: int
    headers: Mapping[str, str]
    """Names lower case; values of a repeated name joined by a comma."""
    body: bytes
    """Decompressed."""

    @property
    def retry_after_s(self) -> float | None:
        """What Retry-After asks for, from 0 to a day."""
        return retry_after_s(self.headers.get("retry-after"))


def user_agent() -> str:
    """`mxhub/<version>`."""
    try:
        return f"mxhub/{version('mxhub')}"
    except PackageNotFoundError:
        return "mxhub"


def basic_auth(user: str, password: str) -> str:
    """Value of an Authorization header (RFC 7617, in UTF-8). A user's name holds no colon."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Client(Closing):
    """Connections to one destination. Can be made outside a loop; connects on the first request.

    Args:
        deadline_s: limit on one whole exchange: name resolution, connection, headers and body.
        max_bytes: largest answer, decompressed.
        allow_networks: networks (CIDR) that may be reached besides public addresses.
        tls: certificates other than the system's.
        connections: most connections at once; further requests wait within their deadline.
    """

    def __init__(
        self,
        *,
        deadline_s: float,
        max_bytes: int = MAX_BYTES,
        allow_networks: Iterable[str] = (),
        tls: Tls | None = None,
        connections: int = 10,
    ) -> None:
        self._deadline_s = deadline_s
        self._max_bytes = max_bytes
        self._guard = Guard(allow_networks)
        self._tls = tls or Tls()
        self._connections = connections
        self._resolver: Resolver | None = None
        self._session: aiohttp.ClientSession | None = None
        self._ssl: ssl.SSLContext | bool = True
        self._closed = False

    async def close(self) -> None:
        """End all connections. A second call does nothing."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def request(
        self,
        method: str,
        url: str | URL,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        deadline_s: float | None = None,
        max_bytes: int | None = None,
    ) -> Response:
        """One exchange. `params` are added to the URL's query.

        Raises `HttpError`, in one of its kinds, and nothing else but cancellation.
        """
        shown = redact(url)
        try:
            target, headers = _without_user(self._target(url, params), headers)
            async with asyncio.timeout(self._deadline_s if deadline_s is None else deadline_s):
                session = self._open()
                async with session.request(
                    method, target, headers=headers, data=_sent(body), ssl=self._ssl, allow_redirects=False
                ) as answer:
                    return await _read(answer, self._max_bytes if max_bytes is None else max_bytes, shown)
        except Exception as error:  # total on purpose; `from None` because foreign texts quote the URL
            raise translate(error, shown) from None

    def _target(self, url: str | URL, params: Mapping[str, str] | None) -> URL:
        target = URL(url)
        if target.scheme not in ("http", "https") or not target.host:
            raise Unsendable(
                f"{redact(url)}: write a URL that begins with http:// or https:// and names a host"
            )
        self._guard.check_literal(target.host)
        return target.update_query(params) if params else target

    def _open(self) -> aiohttp.ClientSession:
        if self._closed:
            raise Unsendable("the client is closed")
        if self._session is None:
            digest, self._ssl = self._tls.digest(), self._tls.context()
            self._resolver = Resolver(self._guard)
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                socket_factory=self._guard.make_socket,
                ssl=True if digest is None else digest,
                limit=self._connections,
                ttl_dns_cache=_DNS_TTL_S,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": user_agent()},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trust_env=False,
            )
        return self._session


def _sent(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bodies go out in pieces that wait for the connection; the length is still announced."""
    return io.BytesIO(body) if body is not None and len(body) > _PIECEWISE else body


def _without_user(target: URL, headers: Mapping[str, str] | None) -> tuple[URL, Mapping[str, str] | None]:
    """Credentials in the URL as the header that they stand for."""
    if target.user is None and target.password is None:
        return target, headers
    authorization = basic_auth(target.user or "", target.password or "")
    return target.with_user(None), {"Authorization": authorization, **(headers or {})}


async def _read(answer: aiohttp.ClientResponse, limit: int, shown: str) -> Response:
    declared = answer.content_length
    if declared is not None and declared > limit and answer.method != "HEAD":
        answer.close()
        raise TooLarge(f"{shown}: answers with {declared} bytes, more than the limit of {limit}")
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > limit:
            answer.close()
            raise TooLarge(f"{shown}: answers with more than the limit of {limit} bytes")
        parts.append(part)
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Response(status=answer.status, headers=headers, body=b"".join(parts))
