"""A small client of the running hub: over its unix socket, or over a URL with a token.

Synchronous and on the standard library, so that a command starts in tens of milliseconds.
"""

import http.client
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import orjson

from hub.cli.errors import Unreachable

__all__ = ["Client", "Page", "Refused", "connect", "segment"]

_TIMEOUT_S = 60.0
Params = Mapping[str, Any]


class Refused(Exception):
    """The hub answered with an error."""

    def __init__(self, status: int, code: str, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class Page:
    """What an envelope holds."""

    data: Any
    message: str = ""
    pagination: Mapping[str, Any] = field(default_factory=dict)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connect(*, url: str | None, data: Path) -> "Client":
    """The hub at `url` (token from `MXHUB_TOKEN`), or the one that runs on the data directory.

    Raises `Unreachable` when there is no trace of one, `ValueError` for a URL that is none.
    """
    if url:
        return Client.remote(url, os.environ.get("MXHUB_TOKEN", ""))
    runtime = data / "runtime.json"
    try:
        known = orjson.loads(runtime.read_bytes())
        return Client.local(str(known["socket"]))
    except FileNotFoundError:
        raise Unreachable(
            f"No hub is running on {data}: start one with `mxhub run`, or name another with --data or --url."
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unreachable(f"{runtime} cannot be read ({error}): is the hub still starting?") from error


class Client:
    """One connection, kept open between calls. Every call raises `Unreachable` or `Refused`."""

    def __init__(self, connection: http.client.HTTPConnection, where: str, prefix: str, token: str) -> None:
        self._connection = connection
        self._where = where
        self._prefix = prefix
        self._token = token

    @classmethod
    def local(cls, path: str) -> Self:
        return cls(_UnixConnection(path, _TIMEOUT_S), path, "", "")

    @classmethod
    def remote(cls, url: str, token: str) -> Self:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// URL")
        kept: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            kept = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=_TIMEOUT_S, context=context
            )
        else:
            kept = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_S)
        return cls(kept, f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.rstrip("/"), token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def get(self, path: str, params: Params | None = None) -> Page:
        return _page(self._whole("GET", path, params))

    def post(self, path: str, body: Any = None, *, key: str = "") -> Page:
        """`key`: an Idempotency-Key, so that a repeated command makes one thing."""
        headers = {"Idempotency-Key": key} if key else {}
        return _page(self._whole("POST", path, None, None if body is None else orjson.dumps(body), headers))

    def raw(self, path: str, params: Params | None = None) -> bytes:
        """An answer that has no envelope."""
        return self._whole("GET", path, params)

    def lines(self, path: str, params: Params | None = None) -> Iterator[bytes]:
        """A streamed answer line by line, each with its line end."""
        response = self._send("GET", path, params, None, {})
        try:
            while line := response.readline():
                yield line
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"The connection to {self._where} broke off: {error or type(error).__name__}"
            ) from error
        finally:
            self._connection.close()

    def pieces(self, path: str, *, timeout_s: float) -> Iterator[bytes]:
        """A streamed answer in pieces of at most a megabyte; `timeout_s` may pass without any."""
        self._connection.timeout = timeout_s
        response = self._send("GET", path, None, None, {})
        try:
            while piece := response.read1(1 << 20):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(
                f"The connection to {self._where} broke off: {error or type(error).__name__}"
            ) from error
        finally:
            self._connection.close()

    def pages(self, path: str, params: Params, limit: int | None) -> Iterator[Any]:
        """Items of a paged list, at most `limit` (`None` = all), fetching pages as they are used up."""
        asked = dict(params)
        left = limit
        while left is None or left > 0:
            asked["limit"] = 1000 if left is None else min(left, 1000)
            page = self.get(path, asked)
            yield from page.data
            left = None if left is None else left - len(page.data)
            asked["cursor"] = page.pagination.get("next_cursor")
            if not asked["cursor"]:
                return

    def _whole(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        response = self._send(method, path, params, body, headers or {})
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(
                f"The connection to {self._where} broke off: {error or type(error).__name__}"
            ) from error

    def _send(
        self, method: str, path: str, params: Params | None, body: bytes | None, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        target = self._prefix + path + _query(params)
        sent = {"Accept": "application/json", **headers}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if self._token:
            sent["Authorization"] = f"Bearer {self._token}"
        try:
            self._connection.request(method, target, body, sent)
            response = self._connection.getresponse()
            if response.status >= 400:  # noqa: PLR2004 - the first client error
                raise _refusal(response.status, response.read())
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Unreachable(
                f"The hub at {self._where} does not answer ({why or type(error).__name__}): is it running?"
            ) from error
        return response


def segment(text: str) -> str:
    """A value as one segment of a path."""
    return quote(text, safe="@:.-_")


def _query(params: Params | None) -> str:
    given: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        values = value if isinstance(value, (list, tuple)) else [value]
        given += [(name, str(one)) for one in values if one is not None and one != ""]
    return "?" + urlencode(given, errors="replace") if given else ""


def _page(body: bytes) -> Page:
    try:
        said = orjson.loads(body)
        return Page(said["data"], said["message"], said["meta"].get("pagination") or {})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreachable("What answers there is not mxhub: check the URL.") from error


def _refusal(status: int, body: bytes) -> Refused:
    try:
        error = orjson.loads(body)["error"]
        return Refused(status, error["code"], error["message"], error.get("details") or ())
    except (ValueError, KeyError, TypeError):
        return Refused(status, "", f"HTTP {status}, and not from mxhub: check the URL.")
