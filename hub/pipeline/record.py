"""Group commit: all webhook requests in flight share one record step.

One flusher per process, one future per request, so that a client that hangs up cancels nobody else's. While
a commit
is on its way the next batch collects; that is all the batching there is, no timer.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hub.model.event import Event
from hub.sdk.ending import end
from hub.store.base import Log, StoreError, Unavailable

__all__ = ["MAX_BATCH_BYTES", "MAX_BATCH_EVENTS", "Recorder", "chunks"]

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
    events: list[Event]
    done: asyncio.Future[list[bool]]
    fresh: list[bool] = field(default_factory=list)
    """Answers so far; the request is done when there is one for each event."""


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

    async def start(self) -> None:
        self._task = asyncio.create_task(self._flush_for_ever(), name="recorder")

    async def stop(self) -> None:
        """Commit what waits, then end."""
        while self._queue:  # noqa: ASYNC110 - nobody could set an event
            await asyncio.sleep(0.005)
        await end(self._task)

    async def record(self, events: Sequence[Event]) -> list[bool]:
        """Durable when this returns: for each event, whether it was new.

        Raises `Full` or `Unavailable` (the outcome is unknown: some of them may have been recorded; a
        re-send is deduped).
        """
        if not events:
            return []
        waiting = _Waiting(list(events), asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._work.set()
        return await asyncio.shield(waiting.done)

    async def _flush_for_ever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while self._queue:
                await self._commit(self._take())

    def _take(self) -> list[tuple[_Waiting, int]]:
        """Shares of the next commit: how many of each waiting request's remaining events fit."""
        shares: list[tuple[_Waiting, int]] = []
        count = size = 0
        for waiting in self._queue:
            begin, taken = len(waiting.fresh), 0
            for event in waiting.events[begin : begin + MAX_BATCH_EVENTS - count]:
                size += len(event.body)
                if size > MAX_BATCH_BYTES and count:
                    break
                taken += 1
                count += 1
            shares.append((waiting, taken))
            if begin + taken < len(waiting.events) or count >= MAX_BATCH_EVENTS:
                break
        return shares

    async def _commit(self, shares: list[tuple[_Waiting, int]]) -> None:
        events = [e for w, n in shares for e in w.events[len(w.fresh) : len(w.fresh) + n]]
        try:
            answer = await self._log.record(events, now_ms=self._now_ms())
        except StoreError as error:
            self._fail([w for w, n in shares if n], error)
            return
        except Exception as error:
            self._fail([w for w, n in shares if n], Unavailable(f"recording failed: {error!r}"))
            return
        at = 0
        for waiting, n in shares:
            waiting.fresh += answer.fresh[at : at + n]
            at += n
            if len(waiting.fresh) == len(waiting.events):
                self._queue.popleft()
                if not waiting.done.done():
                    waiting.done.set_result(waiting.fresh)
        self._recorded()

    def _fail(self, failed: list[_Waiting], error: Exception) -> None:
        for waiting in failed:
            self._queue.remove(waiting)
            if not waiting.done.done():
                waiting.done.set_exception(error)
                waiting.done.exception()  # a client that hung up must not leave an unread exception behind
