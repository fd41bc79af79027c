"""Listening with bounds: connections are counted, and one that sends no whole request in time is closed.

aiohttp itself holds a silent connection for ever, has no limit on their number, and writes a traceback into
the log for every request that is no HTTP.
"""

import asyncio
import resource
import ssl
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from aiohttp.web_protocol import _ErrInfo

from hub.app.https import Check
from hub.sdk.ending import end
from hub.telemetry import happenings

__all__ = ["Direct", "Listener"]

IDLE_S = 30.0
"""A connection whose first request head does not arrive within so long is closed (slow or silent clients)."""
KEPT_S = 75.0
"""The same between two requests: longer than proxies keep a connection to us (nginx: 60 s), so that the one
who closes is the one who knows that nothing is on its way."""
LINGER_S = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender sees the answer."""
_SPARE_FILES = 256
"""Descriptors that the rest of a process needs."""
_WORKING = float("inf")
_BUSY_BODY = (
    b'{"error":{"code":"too_many_connections","message":"ingest.max_connections reached, try again"}}'
)
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(_BUSY_BODY), _BUSY_BODY)
)

Direct = tuple[str, Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]]
"""A path prefix whose POSTs go to a handler past the router and every middleware; it must not raise."""


class _Refuser(asyncio.Protocol):
    """Says 503 to a connection too many, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(_BUSY)
            transport.close()


class _Connection(web.RequestHandler):
    """One connection that tells when it ends, and answers what is no HTTP in our form."""

    __slots__ = ("_ended", "_welcome")

    def __init__(
        self, server: web.Server, *, welcome: Callable[[], bool], ended: Callable[["_Connection"], None]
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp takes None for none, its annotation does not
            auto_decompress=False,
            lingering_time=LINGER_S,
        )
        self._welcome = welcome
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """One that was accepted while the listener stopped (its TLS took a while): aiohttp forgets it."""
        super().connection_made(transport)
        if not self._welcome() and isinstance(transport, asyncio.Transport):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Aiohttp 3.14 tells nobody that the chunks of a body are broken: its reader would wait for ever."""
        super().data_received(data)
        if not self._messages or not isinstance(self._messages[-1][0], _ErrInfo):
            return
        waiting = [payload for _, payload in self._messages]
        if self._current_request is not None:
            waiting.append(self._current_request.content)
        for payload in waiting:
            if not payload.is_eof():
                payload.set_exception(web.RequestPayloadError("broken transfer coding"))

    def log_exception(self, *args: object, **keywords: object) -> None:
        """A broken body was answered; it is no news."""
        if not isinstance(keywords.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **keywords)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._ended(self)
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if status >= 500:  # noqa: PLR2004 - a defect of ours: aiohttp logs it
            return super().handle_error(request, status, exc, message)
        what = (message or "").strip().partition("\n")[0][:200]
        response = _refusal(status, "bad_request", f"this is no valid HTTP request: {what}".rstrip(": "))
        response.force_close()
        return response


def _refusal(status: int, code: str, message: str) -> web.Response:
    body = orjson.dumps({"error": {"code": code, "message": message.encode(errors="replace").decode()}})
    return web.Response(status=status, body=body, content_type="application/json")


class Listener:
    """Serves an application on TCP or a unix socket."""

    def __init__(
        self,
        app: web.Application,
        *,
        max_connections: int,
        idle_s: float = IDLE_S,
        kept_s: float = KEPT_S,
        direct: Direct | None = None,
        refuse: Check | None = None,
    ) -> None:
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=5.0)
        self._inner: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
        self._max = max_connections
        self._idle_s = idle_s
        self._kept_s = kept_s
        self._direct = direct
        self._refuse = refuse
        self._servers: list[asyncio.Server] = []
        self._owed: dict[object, float] = {}
        """Connection -> loop time until when it has to send a request; infinity while we owe it an answer."""
        self._sweeper: asyncio.Task[None] | None = None
        self._closing = False

    @property
    def connections(self) -> int:
        """How many are open, or still worked for."""
        return len(self._owed)

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        self._owed[connection] = _WORKING
        try:
            if self._refuse is not None and (why := self._refuse(request)) is not None:
                return _refusal(403, "https_required", why)
            return await self._answer(request)
        except web.HTTPException as error:  # before any middleware: an Expect that nobody knows
            return _refusal(error.status, "refused", error.text or error.reason)
        finally:
            if connection.transport is None:
                self._owed.pop(connection, None)
            else:
                self._owed[connection] = asyncio.get_running_loop().time() + self._kept_s

    def _answer(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        if (
            self._direct is not None
            and request.method == "POST"
            and request.path.startswith(self._direct[0])
            and "Expect" not in request.headers
        ):
            return self._direct[1](request)
        return self._inner(request)

    def _connect(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or self._closing or len(self._owed) >= self._max:
            happenings.webhook_rejected("-", "too_many_connections", 503)
            return _Refuser()
        connection = _Connection(server, welcome=lambda: not self._closing, ended=self._left)
        self._owed[connection] = asyncio.get_running_loop().time() + self._idle_s
        return connection

    def _left(self, connection: _Connection) -> None:
        if self._owed.get(connection) != _WORKING:  # else it counts until its request is done
            self._owed.pop(connection, None)

    async def start_tcp(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, *, shared: bool = False
    ) -> int:
        """Listen; port 0 takes a free one. Returns the port."""
        await self._setup()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            self._connect, host, port, ssl=tls, backlog=1024, reuse_port=shared or None
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def start_unix(self, path: str) -> None:
        """Listen on a unix socket."""
        await self._setup()
        self._servers.append(await asyncio.get_running_loop().create_unix_server(self._connect, path))

    async def _setup(self) -> None:
        if self._sweeper is not None:
            return
        _allow_files(self._max + _SPARE_FILES)
        await self._runner.setup()
        if (server := self._runner.server) is not None:
            self._inner, server.request_handler = server.request_handler, self._dispatch
        self._sweeper = asyncio.create_task(self._sweep(), name="listener sweep")

    async def _sweep(self) -> None:
        """Close who owes us a request for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(1.0, self._idle_s / 4))
            for connection, until in list(self._owed.items()):
                if until < loop.time():
                    _hang_up(connection.transport)  # type: ignore[attr-defined]

    async def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on.

        Python 3.11's own loop accepts in two steps, and forgets a connection, open, whose listener was closed
        between them: so nothing is accepted any more before the close.
        """
        loop = asyncio.get_running_loop()
        for server in self._servers:
            for listening in server.sockets:
                loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)  # the second step of what was accepted
        for server in self._servers:
            server.close()

    async def stop(self) -> None:
        """Answer what is in flight, then close."""
        await self.stop_accepting()
        self._closing = True
        await end(self._sweeper)
        await self._runner.cleanup()


def _hang_up(transport: asyncio.Transport | None) -> None:
    """Politely, unless it does not even read what we wrote."""
    if transport is None:
        return
    if transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()


def _allow_files(wanted: int) -> None:
    """Raise the soft limit of open files where the hard one allows it: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
