"""Listening with bounds: connections are counted, and one that sends no whole request in time is closed.

aiohttp itself holds a silent connection for ever and has no limit on their number.
"""

import asyncio
import ssl
from typing import Any

from aiohttp import web

__all__ = ["Listener"]

IDLE_S = 30.0
"""A connection without a whole request head for so long is closed (slow or silent clients)."""
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\nContent-Length: 92\r\n\r\n"
    b'{"error":{"code":"too_many_connections","message":"ingest.max_connections reached, try again"}}'
)
_BUSY = _BUSY.replace(b"Content-Length: 92", b"Content-Length: %d" % len(_BUSY.partition(b"\r\n\r\n")[2]))


class _Refuser(asyncio.Protocol):
    """Says 503 to a connection too many, and hangs up."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.write(_BUSY)
            transport.close()


class Listener:
    """Serves an application on TCP or a unix socket."""

    def __init__(self, app: web.Application, *, max_connections: int, idle_s: float = IDLE_S) -> None:
        app.middlewares.insert(0, self._stamp)
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, auto_decompress=False, shutdown_timeout=5.0
        )
        self._max = max_connections
        self._idle_s = idle_s
        self._servers: list[asyncio.AbstractServer] = []
        self._active: dict[Any, float] = {}
        """Connection -> loop time since when it owes us a request; infinity while we owe it an answer."""
        self._sweeper: asyncio.Task[None] | None = None

    @web.middleware
    async def _stamp(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self._active[request.protocol] = float("inf")
        try:
            response: web.StreamResponse = await handler(request)
        finally:
            self._active[request.protocol] = asyncio.get_running_loop().time()
        return response

    def _connect(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(self._active) >= self._max:
            return _Refuser()
        handler = server()
        self._active[handler] = asyncio.get_running_loop().time()
        return handler

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
        if self._runner.server is None:
            await self._runner.setup()
            self._sweeper = asyncio.create_task(self._sweep(), name="listener sweep")

    async def _sweep(self) -> None:
        """Close who owes us a request for too long; forget who left."""
        while True:
            await asyncio.sleep(1.0)
            oldest = asyncio.get_running_loop().time() - self._idle_s
            for handler, since in list(self._active.items()):
                transport = handler.transport
                if transport is None:
                    if since != float("inf"):
                        del self._active[handler]
                elif since < oldest:
                    transport.abort()

    async def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on."""
        for server in self._servers:
            server.close()

    async def stop(self) -> None:
        """Answer what is in flight, then close."""
        await self.stop_accepting()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self._runner.cleanup()
