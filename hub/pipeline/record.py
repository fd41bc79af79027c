"""Group commit: all webhook requests in flight share one record step.

One flusher per process, one future per request, so that a client that hangs up cancels nobody else's. While
a commit is on its way the next batch collects; that is all the batching there is, no timer.

A request hands over how its events are made, not the events: the flusher makes those of a whole batch one
after another, which costs half as much as making each between two requests (the code stays in the processor's
caches).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hub.model.event import Event
from hub.sdk.ending import end
from hub.store.base import Log, StoreError, Unavailable

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_EVENTS", "Make", "Recorder", "chunks"]

Make = Callable[[], Sequence[Event]]
"""Makes a request's events; what it raises is told to that request alone."""

MAX_BATCH_EVENTS = 200
"""More block the server for milliseconds (measured: 16-22 us an event)."""
MAX_BATCH_BYTES = 1024 * 1024


def chunks(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Cut into pieces that one record step takes: at most 200 events and 1 MiB; a larger event stands
    alone.
    """
    piece: list[Event] = []
    size = 0
    for event in events:
        length = len(event.body)
        if piece and (len(piece) >= MAX_BATCH_EVENTS or size + length > MAX_BATCH_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(event)
        size += length
    if piece:
        yield piece


@dataclass(slots=True)
class _Waiting:
    make: Make
    done: asyncio.Future[list[bool]]
    events: Sequence[Event] | None = None
    """Made when the first of them joins a commit."""
    fresh: list[bool] = field(default_factory=list)
    """Answers so far; the request is done when there is one for each event."""


_Share = tuple[_Waiting, Sequence[Event]]
"""A request, and those of its events that a commit takes."""


class Recorder:
    """Collects requests and commits them together."""

    def __init__(
        self, log: Log, *, now_ms: Callable[[], int], recorded: Callable[[], None] = lambda: None
    ) -> None:
        self._log = log
        self._now_ms = now_ms
        self._recorded = recorded
        self._queue: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        self._task = asyncio.create_task(self._flush_for_ever(), name="recorder")

    async def stop(self) -> None:
        """Commit what waits, then end; what comes later is `Unavailable`."""
        while self._queue:  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.005)
        self._stopped = True
        await end(self._task)

    async def record(self, events: Sequence[Event]) -> list[bool]:
        """Durable when this returns: for each event, whether it was new.

        Raises `Full` or `Unavailable` (the outcome is unknown: some of them may have been recorded; a
        re-send is deduped).
        """
        return await self.commit(lambda: events)

    async def commit(self, make: Make) -> list[bool]:
        """The same for events that are made when their commit is next. Raises what `make` raises, too."""
        if self._stopped:
            raise Unavailable("this process is stopping")
        waiting = _Waiting(make, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._work.set()
        return await waiting.done

    async def _flush_for_ever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                if shares := self._take():
                    await self._commit(shares)

    def _take(self) -> list[_Share]:
        """Shares of the next commit: how many of each waiting request's remaining events fit. Empty when no
        request that waits has any.
        """
        shares: list[_Share] = []
        count = size = 0
        for waiting in list(self._queue):
            events = self._made(waiting)
            if events is None:
                continue
            begin, taken = len(waiting.fresh), 0
            for event in events[begin : begin + MAX_BATCH_EVENTS - count]:
                size += len(event.body)
                if size > MAX_BATCH_BYTES and count:
                    break
                taken += 1
                count += 1
            if taken:
                shares.append((waiting, events[begin : begin + taken]))
            if begin + taken < len(events) or count >= MAX_BATCH_EVENTS:
                break
        return shares

    def _made(self, waiting: _Waiting) -> Sequence[Event] | None:
        """The request's events; `None` when it is over: there are none, or they cannot be made."""
        if waiting.events is None:
            try:
                waiting.events = waiting.make()
            except Exception as error:
                self._fail([waiting], error)
                return None
            if not waiting.events:
                self._queue.remove(waiting)
                _answer(waiting)
                return None
        return waiting.events

    async def _commit(self, shares: list[_Share]) -> None:
        events = [event for _, share in shares for event in share]
        try:
            answer = await self._log.record(events, now_ms=self._now_ms())
        except StoreError as error:
            self._fail([waiting for waiting, _ in shares], error)
            return
        except Exception as error:
            self._fail([waiting for waiting, _ in shares], Unavailable(f"recording failed: {error!r}"))
            return
        at = 0
        for waiting, share in shares:
            waiting.fresh += answer.fresh[at : at + len(share)]
            at += len(share)
            if waiting.events is not None and len(waiting.fresh) == len(waiting.events):
                self._queue.popleft()
                _answer(waiting)
        self._recorded()

    def _fail(self, failed: list[_Waiting], error: Exception) -> None:
        for waiting in failed:
            self._queue.remove(waiting)
            if not waiting.done.done():
                waiting.done.set_exception(error)
                waiting.done.exception()  # a client that hung up must not leave an unread exception behind


def _answer(waiting: _Waiting) -> None:
    if not waiting.done.done():  # a client that hung up waits no more
        waiting.done.set_result(waiting.fresh)
