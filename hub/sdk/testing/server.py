"""HTTP servers on loopback that play a destination strictly, or misbehave."""

import asyncio
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

__all__ = ["HangingServer", "Received", "Reply", "StrictServer"]

_MAX_BODY = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names lower case."""
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to answer. `json`, when given, is the body."""

    status: int = 200
    body: bytes = b""
    json: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    hang_up: bool = False
    """Read the request, then close the connection without a word."""


Answer = Reply | Callable[[Received], Reply]


@dataclass(slots=True, kw_only=True)
class _Rule:
    method: str
    path: re.Pattern[str]
    answer: Answer
    times: int | None
    used: int = 0

    def takes(self, request: Received) -> bool:
        spent = self.times is not None and self.used >= self.times
        return not spent and request.method == self.method and bool(self.path.fullmatch(request.path))

    def __str__(self) -> str:
        return f"{self.method} {self.path.pattern} (answered {self.used} of {self.times} times)"


class StrictServer:
    """Answers exactly what was announced. As a context manager it raises `AssertionError` at its end when a
    request came that nobody expected, or an expected one did not come.

    `expect` announces a request that must come (rules are tried in the order of their announcement), `allow`
    one that may come any number of times. Paths are regular expressions that must match whole.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self._unexpected: list[str] = []
        self._rules: list[_Rule] = []
        self._tls = tls
        self._runner: web.AppRunner | None = None
        self._port = 0
        self.url = ""

    def expect(self, method: str, path: str, answer: Answer, *, times: int = 1) -> Self:
        """Announce a request that must come, `times` times."""
        self._rules.append(_Rule(method=method, path=re.compile(path), answer=answer, times=times))
        return self

    def allow(self, method: str, path: str, answer: Answer) -> Self:
        """Announce a request that may come, or not."""
        self._rules.append(_Rule(method=method, path=re.compile(path), answer=answer, times=None))
        return self

    def asked(self, method: str, path: str) -> list[Received]:
        """The requests of this kind so far, oldest first."""
        return [each for each in self.received if each.method == method and re.fullmatch(path, each.path)]

    def verify(self) -> None:
        """Raises `AssertionError` naming what came unexpectedly and what did not come."""
        missing = [str(rule) for rule in self._rules if rule.times is not None and rule.used < rule.times]
        found = [f"unexpected: {each}" for each in self._unexpected]
        found += [f"did not come: {each}" for each in missing]
        if found:
            raise AssertionError("; ".join(found))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None:
            self.verify()

    async def start(self) -> None:
        """Listen: on any free port at first, on the same one again after `stop`."""
        if self._runner is not None:
            return
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        self.received.append(received)
        reply = self._answer(received)
        if reply.delay_s:
            await asyncio.sleep(reply.delay_s)
        if reply.hang_up and request.transport is not None:
            request.transport.abort()
        body = reply.body if reply.json is None else msgspec.json.encode(reply.json)
        kind = {"Content-Type": "text/plain" if reply.json is None else "application/json"}
        return web.Response(status=reply.status, body=body, headers={**kind, **reply.headers})

    def _answer(self, received: Received) -> Reply:
        for rule in self._rules:
            if rule.takes(received):
                rule.used += 1
                return rule.answer if isinstance(rule.answer, Reply) else rule.answer(received)
        self._unexpected.append(f"{received.method} {received.path}")
        return Reply(status=599, body=b"not expected")


class HangingServer:
    """Accepts connections and says only `says`, for ever: nothing, half a head, or a head without its body.

    With `drip_s` it adds one byte every so many seconds, so that no limit on silence ends it.
    """

    def __init__(self, says: bytes = b"", *, drip_s: float | None = None) -> None:
        self._says = says
        self._drip_s = drip_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.connections = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self.connections += 1
        with suppress(OSError):
            await self._hang(writer)

    async def _hang(self, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(self._says)
            while True:
                await asyncio.sleep(self._drip_s or 3600)
                writer.write(b"x")
                await writer.drain()
        finally:
            writer.transport.abort()
