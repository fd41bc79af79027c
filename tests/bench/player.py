"""Plays prepared requests over keep-alive connections and times the answers: cheap, so that it measures the
server and not itself.
"""

import asyncio
import os
import re
import signal
from array import array
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic, process_time
from typing import cast

from tests.bench.payload import Target, request

__all__ = ["Plan", "Played", "play"]

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CLOSES = re.compile(rb"(?i)\r\nconnection: *close")
_CHUNKED_END = b"\r\n0\r\n\r\n"
_TICK_S = 0.001
_REDIAL_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send. Closed loop: each connection sends its next request when the last is answered. Open loop
    (`rate_per_s`): requests are due at their time, whatever the server does, and wait for a free connection.
    """

    target: Target
    first: int
    """Number of the first event; they ascend from there."""
    count: int
    """Most requests."""
    connections: int = 64
    seconds: float = 3600.0
    """No new request after this long."""
    rate_per_s: float | None = None
    get: bool = False
    """Send `GET /` instead (the yardstick)."""
    requests: tuple[bytes, ...] = ()
    """Send these in turn instead of webhooks."""
    acks: int | None = None
    """Stop at so many acknowledgements ..."""
    kill: tuple[int, ...] = ()
    """... and SIGKILL these processes that very moment."""


@dataclass(slots=True)
class Played:
    """What happened. Times are of the machine's monotonic clock, seconds; 0 = never."""

    plan: Plan
    due: "array[float]"
    """When each request was sent (closed loop) or had to be (open loop)."""
    acked: "array[float]"
    statuses: Counter[int] = field(default_factory=Counter)
    """0 = the connection broke before the answer."""
    elapsed_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def ok(self) -> int:
        """Requests that were acknowledged."""
        return self.statuses[self.plan.target.status]

    @property
    def rate(self) -> float:
        """Acknowledged requests a second."""
        return self.ok / self.elapsed_s if self.elapsed_s else 0.0

    def latencies_ms(self) -> list[float]:
        """From due to acknowledged."""
        return [(a - d) * 1e3 for d, a in zip(self.due, self.acked, strict=True) if a]

    def numbers(self) -> set[int]:
        """Events that were acknowledged."""
        return {self.plan.first + at for at, acked in enumerate(self.acked) if acked}


class _Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request in flight."""

    __slots__ = ("at", "buffer", "player", "transport")

    def __init__(self, player: "_Player") -> None:
        self.player = player
        self.buffer = b""
        self.at = -1
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.player.free(self)

    def send(self, at: int, data: bytes) -> None:
        self.at = at
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.buffer = self.buffer + data if self.buffer else data
        head, found, content = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length is None:
            whole = self.buffer.endswith(_CHUNKED_END) or b"chunked" not in head.lower()
        else:
            whole = len(content) >= int(length[1])
        if whole:
            at, self.at, self.buffer = self.at, -1, b""
            self.player.answered(at, int(head[9:12]))
            if _CLOSES.search(head):
                self.transport.abort()
            elif not self.transport.is_closing():
                self.player.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self.at >= 0:
            self.player.answered(self.at, 0)
        self.player.lost(self)


class _Player:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        if plan.requests:
            self.requests = [plan.requests[at % len(plan.requests)] for at in range(plan.count)]
        elif plan.get:
            fixed = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{plan.target.port}\r\n\r\n".encode()
            self.requests = [fixed] * plan.count
        else:
            self.requests = [request(plan.first + at, plan.target) for at in range(plan.count)]
        zeros = [0.0] * plan.count
        self.played = Played(plan, array("d", zeros), array("d", zeros))
        self._next = 0
        self._open = 0
        self._in_flight = 0
        self._idle: deque[_Connection] = deque()
        self._due: deque[int] = deque()
        self._ends = 0.0
        self._running = False
        self._finished = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def play(self) -> Played:
        loop = asyncio.get_running_loop()
        for _ in range(self.plan.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self.plan.target.port)
        used, began = process_time(), monotonic()
        self._ends = began + self.plan.seconds
        self._running = True
        if self.plan.rate_per_s is not None:
            await self._tick(began, self.plan.rate_per_s)
        else:
            waiting, self._idle = self._idle, deque()
            for connection in waiting:
                self._more(connection)
        await self._finished.wait()
        self._running = False
        self.played.elapsed_s = max(max(self.played.acked, default=0.0) - began, 1e-9)
        self.played.cpu_s = process_time() - used
        for connection in list(self._idle):
            connection.transport.abort()
        return self.played

    # -- which request goes next -------------------------------------------------------------------------
    async def _tick(self, began: float, rate: float) -> None:
        """Hand out what is due, each millisecond."""
        while self._next < self.plan.count and monotonic() < self._ends and self._running:
            until = min(int((monotonic() - began) * rate) + 1, self.plan.count)
            for at in range(self._next, until):
                self.played.due[at] = began + at / rate
                self._due.append(at)
            self._next = max(until, self._next)
            while self._due and self._idle:
                self._send(self._idle.popleft(), self._due.popleft())
            await asyncio.sleep(_TICK_S)
        self._ends = 0.0
        self._maybe_finish()

    def _more(self, connection: _Connection) -> None:
        """Closed loop: the connection's next request."""
        if self._next < self.plan.count and monotonic() < self._ends and self._running:
            at = self._next
            self._next += 1
            self.played.due[at] = monotonic()
            self._send(connection, at)
        else:
            self._idle.append(connection)
            self._maybe_finish()

    def _send(self, connection: _Connection, at: int) -> None:
        self._in_flight += 1
        connection.send(at, self.requests[at])

    # -- what the connections tell -----------------------------------------------------------------------
    def free(self, connection: _Connection) -> None:
        if self._running and self.plan.rate_per_s is None:
            self._more(connection)
        elif self._due:
            self._send(connection, self._due.popleft())
        else:
            self._idle.append(connection)
            if self._running:
                self._maybe_finish()

    def answered(self, at: int, status: int) -> None:
        self._in_flight -= 1
        self.played.statuses[status] += 1
        if status == self.plan.target.status:
            self.played.acked[at] = monotonic()
            if self.plan.acks is not None and self.played.ok >= self.plan.acks and self._running:
                self._stop()

    def lost(self, connection: _Connection) -> None:
        with suppress(ValueError):
            self._idle.remove(connection)
        if self._running:
            task = asyncio.get_running_loop().create_task(self._redial())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _redial(self) -> None:
        """A server that closes after an answer, or died: connect again while there is something to send."""
        while self._running and monotonic() < max(self._ends, 1.0) and self._next < self.plan.count:
            with suppress(OSError):
                await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(self), "127.0.0.1", self.plan.target.port
                )
                return
            await asyncio.sleep(_REDIAL_S)
        self._maybe_finish()

    def _stop(self) -> None:
        for pid in self.plan.kill:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._running = False
        self._finished.set()

    def _maybe_finish(self) -> None:
        over = self._next >= self.plan.count or monotonic() >= self._ends
        if over and not self._in_flight and not self._due:
            self._finished.set()


async def play(plan: Plan) -> Played:
    """Prepare, connect, send. Raises `OSError` where nothing listens."""
    return await _Player(plan).play()
