"""Polling: a walk resumes exactly where it stopped, whatever killed it.

A page's events and the cursor behind them are recorded in one step (the cursor with the page's last chunk),
so a kill between any two steps reads a page again at most, and dedupe drops what was already recorded. A
moved cursor found by compare-and-set ends the walk: somebody else is walking.

While a page is recorded the next one is fetched, and while a chunk is on its way to the log the next one is
normalised; each chunk waits for the answer to the one before, so the cursor never gets ahead of an event.
"""

import asyncio
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Protocol

from hub.model.event import Event
from hub.pipeline.normalise import Normalised, normalise
from hub.pipeline.record import chunks
from hub.sdk.ending import end
from hub.sdk.source import Call, Fetch, Page, PollFailed, SourceSpec, Stream
from hub.store.base import CursorMove, Log, Recorded, Stale, StoreError

__all__ = ["Poll", "PollObserver", "Poller", "Walked"]

SLICE_S = 60.0
"""A walk gives its worker back after this long and goes on where it stopped."""
PAGE_S = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One stream of one source to walk; `lookback` streams read the recent past again for late entries."""

    source: str
    tenant: str
    spec: SourceSpec
    stream: Stream
    every_s: float
    lookback: bool = False

    @property
    def key(self) -> str:
        """Name of its cursor and of its place in the schedule."""
        return f"{self.source}/{self.stream.name}" + ("/lookback" if self.lookback else "")


@dataclass(frozen=True, slots=True)
class Walked:
    """How a slice of a walk ended."""

    end: Literal["done", "more", "failed", "refused", "stale", "full", "closed"]
    pages: int = 0
    events: int = 0
    fresh: int = 0
    reason: str = ""
    retry_after_s: float | None = None


class PollObserver(Protocol):
    """Told what happened."""

    def page(self, poll: Poll, items: Sequence[Normalised], fresh: Sequence[bool]) -> None:
        """A page's items were recorded."""
        ...

    def gap(self, poll: Poll, reason: str) -> Event | None:
        """The vendor no longer knew the cursor: the event that says so, recorded with the page."""
        ...


class TenantClosed(Exception):
    """The tenant is being erased, or was: its streams stand still."""


class Poller:
    """Walks streams; knows nothing of schedules."""

    def __init__(
        self,
        log: Log,
        observer: PollObserver,
        *,
        now_ms: Callable[[], int],
        closed: Container[str] = frozenset(),
    ) -> None:
        """`closed`: tenants of which nothing is taken in."""
        self._log = log
        self._closed = closed
        self._observer = observer
        self._now_ms = now_ms

    async def walk(self, poll: Poll, call: Call, *, slice_s: float = SLICE_S) -> Walked:
        """Walk until there is no more, something fails, or the slice is used up (`more`: go on soon)."""
        fetch = poll.stream.lookback if poll.lookback else poll.stream.fetch
        if fetch is None:
            return Walked("done")
        tally = _Tally()
        try:
            await self._walk(poll, fetch, call, tally, monotonic() + slice_s)
        except Exception as error:
            return _walked(tally, error)
        return Walked("more" if tally.more else "done", tally.pages, tally.events, tally.fresh)

    async def _walk(self, poll: Poll, fetch: Fetch, call: Call, tally: "_Tally", ends_at: float) -> None:
        cursor = await self._log.cursor(poll.key)
        ahead = asyncio.create_task(self._page(poll, fetch, call, cursor))
        try:
            while True:
                page = await ahead
                self._open(poll)  # it may have been closed since the page came
                tally.more = page.more
                going_on = page.more and monotonic() <= ends_at
                if going_on:
                    ahead = asyncio.create_task(self._page(poll, fetch, call, page.cursor))
                    await asyncio.sleep(0)  # lets the request go out
                tally.fresh += await self._record(poll, page, cursor)
                tally.pages, tally.events = tally.pages + 1, tally.events + len(page.items)
                cursor = page.cursor
                if not going_on:
                    return
        finally:
            await end(ahead)

    def _open(self, poll: Poll) -> None:
        if poll.tenant in self._closed:
            raise TenantClosed

    async def _page(self, poll: Poll, fetch: Fetch, call: Call, cursor: str | None) -> Page:
        self._open(poll)
        async with asyncio.timeout(PAGE_S):
            return await fetch(call, cursor, self._now_ms())

    async def _record(self, poll: Poll, page: Page, cursor: str | None) -> int:
        """Record a page in chunks, the cursor with the last; returns how many events were new."""
        now = self._now_ms()
        items: list[Normalised] = []
        move = CursorMove(poll.key, cursor, page.cursor) if page.cursor != cursor else None
        pieces = chunks(self._events(poll, page, now, items))
        fresh: list[bool] = []
        piece = next(pieces, [])
        sent: asyncio.Task[Recorded] | None = None
        try:
            while (following := next(pieces, None)) is not None:
                if sent is not None:
                    fresh += (await sent).fresh
                sent = asyncio.create_task(self._log.record(piece, now_ms=now))
                await asyncio.sleep(0)  # lets it go out: what comes next is normalised meanwhile
                piece = following
            if sent is not None:
                fresh += (await sent).fresh
        finally:
            await end(sent)
        if piece or move:
            fresh += (await self._log.record(piece, move, now_ms=now)).fresh
        self._observer.page(poll, items, fresh[: len(items)])
        return sum(fresh)

    def _events(self, poll: Poll, page: Page, now: int, items: list[Normalised]) -> Iterator[Event]:
        """The page's events as they are asked for; `items` grows with them."""
        for raw in page.items:
            item = normalise(poll.spec, tenant=poll.tenant, source=poll.source, item=raw, received_ms=now)
            items.append(item)
            yield item.event
        if page.gap is not None and (event := self._observer.gap(poll, page.gap)) is not None:
            yield event


@dataclass(slots=True)
class _Tally:
    """What a walk has done so far."""

    pages: int = 0
    events: int = 0
    fresh: int = 0
    more: bool = True


def _walked(tally: _Tally, error: Exception) -> Walked:
    """How a walk ended that an error ended; the cursor stands behind the last page that was recorded."""
    end: Literal["failed", "refused", "stale", "full", "closed"] = "failed"
    retry_after_s = None
    match error:
        case PollFailed():
            end, reason, retry_after_s = (
                "refused" if error.refused else "failed",
                error.reason,
                error.retry_after_s,
            )
        case TimeoutError():
            reason = f"no page within {PAGE_S:g} s"
        case TenantClosed():
            end, reason = "closed", "its tenant is being erased, or was"
        case Stale():
            end, reason = "stale", "another walk of this stream moved its cursor"
        case StoreError():
            end, reason = "full", str(error) or "the log takes nothing"
        case _:  # a stream that cannot read its page: said and tried again, like any other failure
            reason = f"the page cannot be read: {type(error).__name__}: {error}"[:300]
    return Walked(end, tally.pages, tally.events, tally.fresh, reason, retry_after_s)
