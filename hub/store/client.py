"""The client of the log's server: redis-py, with every plain command on one shared line.

redis-py lends each command a connection, looks for stray data on it, and sends through a task of its own:
55 us of CPU a command. Here commands follow each other down one connection and replies come back in order:
5 us where several are on their way, 30 us one by one (measured). Addresses, TLS, log-in and the choice of a
database stay redis-py's, and so do pipelines and what it calls with options.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import InvalidResponse, ResponseError
from redis.exceptions import TimeoutError as TimedOut

from hub.sdk.ending import end
from hub.store.scripts import Commands

__all__ = ["Client"]

_NOTHING: Final = object()


class Client(Redis):
    """`Client.from_url(url, socket_timeout=...)`, for commands that do not block and replies that are bytes.

    A command that is cancelled just has no reader for its reply. A lost connection fails every command that
    waits for a reply (outcome unknown, nothing is sent twice); the next command connects again.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line: _Line | None = None
        self._dialling: asyncio.Task[_Line] | None = None
        self.greet: Callable[[Commands], Awaitable[None]] | None = None
        """Called with each new connection before anything else is sent on it; what it raises is the failure
        of all that wait for the connection."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The reply, as redis-py gives it.

        Raises redis-py's errors: `ConnectionError`, `TimeoutError`, `ResponseError`, ...
        """
        name = args[0]
        if options or " " in name:
            theirs: Callable[..., Awaitable[Any]] = super().execute_command
            return await theirs(*args, **options)
        line = self._line
        if line is None or line.broken:
            line = await self._dial()
        reply = await line.ask(args)
        callback = self.response_callbacks.get(name)
        return reply if callback is None else callback(reply)

    async def _dial(self) -> "_Line":
        """All that wait for a connection share one attempt, and its failure."""
        if self._dialling is None:
            self._dialling = asyncio.create_task(self._connect(), name="log server")
            self._dialling.add_done_callback(self._dialled)
        dialling = self._dialling
        await asyncio.wait([dialling])  # whoever gives up waiting ends it for nobody else
        if dialling.cancelled():
            raise Disconnected("the client was closed")
        return dialling.result()

    def _dialled(self, task: "asyncio.Task[_Line]") -> None:
        self._dialling = None
        if not task.cancelled():
            task.exception()  # those who wait have it; there may be none

    async def _connect(self) -> "_Line":
        if self._line is not None:
            await self._line.hang_up()
        make: Callable[[], AbstractConnection] = self.connection_pool.make_connection
        connection = make()
        connect: Callable[[], Awaitable[None]] = connection.connect
        await connect()
        line = _Line(connection)
        if self.greet is not None:
            try:
                await self.greet(line)
            except BaseException:
                await line.hang_up()
                raise
        self._line = line
        return line

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's signature
        """Hang up; commands that still wait fail."""
        await end(self._dialling)
        if self._line is not None:
            await self._line.hang_up()
        await super().aclose(close_connection_pool)


class _Line(asyncio.Protocol):
    """A connection that redis-py opened, from then on read and written here. Replies come in order."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._answer_s: float | None = connection.socket_timeout
        parser = connection._parser  # noqa: SLF001 - redis-py < 6 is pinned; its map of error replies
        self._replies = hiredis.Reader(
            protocolError=InvalidResponse, replyError=parser.parse_error, notEnoughData=_NOTHING
        )
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._heard = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self.broken = False
        writer = connection._writer  # noqa: SLF001 - as above: the stream is taken over
        assert writer is not None  # noqa: S101 - it has just been connected
        self._transport = writer.transport
        self._transport.set_protocol(self)
        self.broken = self._transport.is_closing()

    def execute_command(self, *words: Any) -> "asyncio.Future[Any]":
        return self.ask(words)

    def ask(self, words: tuple[Any, ...]) -> "asyncio.Future[Any]":
        """Send a command; its reply comes in the future."""
        try:
            packed = hiredis.pack_command(words)
        except TypeError:  # a subclass of int or str, or what redis-py refuses too, with `DataError`
            packed = b"".join(self._connection.pack_command(*words))
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._waiting:
            self._heard = self._loop.time()
        if self._watch is None and self._answer_s is not None:
            self._watch = self._loop.call_later(self._answer_s, self._look)
        self._waiting.append(future)
        self._transport.write(packed)
        return future

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        replies = self._replies
        try:
            replies.feed(data)
            while (reply := replies.gets()) is not _NOTHING:
                self._answer(reply)
        except Exception as error:  # bytes that are no reply: nothing that follows can be told apart
            self._break(error if isinstance(error, InvalidResponse) else InvalidResponse(str(error)))

    def _answer(self, reply: Any) -> None:
        if not self._waiting:
            raise InvalidResponse("a reply that nobody asked for")
        future = self._waiting.popleft()
        if future.done():
            return
        if isinstance(reply, Exception):
            future.set_exception(reply)
            if not isinstance(reply, ResponseError):  # the server hangs up, or redis-py takes it so
                self._break(reply)
        else:
            future.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(Disconnected(f"the connection was closed: {exc or 'by the server'}"))

    def _look(self) -> None:
        """A server that says nothing for too long is gone; one in the middle of a long reply is not."""
        self._watch = None
        if not self._waiting or self._answer_s is None:
            return
        left = self._heard + self._answer_s - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._break(TimedOut(f"no reply within {self._answer_s:g} s"))

    def _break(self, error: Exception) -> None:
        self.broken = True
        self._transport.abort()
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_exception(error)

    async def hang_up(self) -> None:
        """Close the connection; whoever waits learns it."""
        self._break(Disconnected("the connection was closed: by us"))
        if self._watch is not None:
            self._watch.cancel()
        with suppress(OSError, TimedOut):
            await self._connection.disconnect(nowait=True)
