"""Polling: a walk resumes exactly where it stopped, whatever killed it.

A page's events and the cursor behind them are recorded in one step (the cursor with the page's last chunk),
so a kill
between any two steps reads a page again at most, and dedupe drops what was already recorded. A moved cursor
found by
compare-and-set ends the walk: somebody else is walking.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Literal, Protocol

from hub.model.event import Event
from hub.pipeline.normalise import Normalised, normalise
from hub.pipeline.record import chunks
from hub.sdk.source import Call, Page, PollFailed, SourceSpec, Stream
from hub.store.base import CursorMove, Log, Stale, StoreError

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

    end: Literal["done", "more", "failed", "refused", "stale", "full"]
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


class Poller:
    """Walks streams; knows nothing of schedules."""

    def __init__(self, log: Log, observer: PollObserver, *, now_ms: Callable[[], int]) -> None:
        self._log = log
        self._observer = observer
        self._now_ms = now_ms

    async def walk(self, poll: Poll, call: Call, *, slice_s: float = SLICE_S) -> Walked:
        """Walk until there is no more, something fails, or the slice is used up (`more`: go on soon)."""
        fetch = poll.stream.lookback if poll.lookback else poll.stream.fetch
        if fetch is None:
            return Walked("done")
        pages = events = fresh = 0
        ends_at = monotonic() + slice_s
        try:
            cursor = await self._log.cursor(poll.key)
            while True:
                async with asyncio.timeout(PAGE_S):
                    page = await fetch(call, cursor, self._now_ms())
                fresh += await self._record(poll, page, cursor)
                pages, events, cursor = pages + 1, events + len(page.items), page.cursor
                if not page.more or monotonic() > ends_at:
                    return Walked("more" if page.more else "done", pages, events, fresh)
        except PollFailed as error:
            end: Literal["failed", "refused"] = "refused" if error.refused else "failed"
            return Walked(end, pages, events, fresh, error.reason, error.retry_after_s)
        except TimeoutError:
            return Walked("failed", pages, events, fresh, f"no page within {PAGE_S:g} s")
        except Stale:
            return Walked("stale", pages, events, fresh, "another walk of this stream moved its cursor")
        except StoreError as error:
            return Walked("full", pages, events, fresh, str(error) or "the log takes nothing")

    async def _record(self, poll: Poll, page: Page, cursor: str | None) -> int:
        """Record a page in chunks, the cursor with the last; returns how many events were new."""
        now = self._now_ms()
        items = [
            normalise(poll.spec, tenant=poll.tenant, source=poll.source, item=i, received_ms=now)
            for i in page.items
        ]
        events = [item.event for item in items]
        if page.gap is not None and (event := self._observer.gap(poll, page.gap)) is not None:
            events.append(event)
        pieces = list(chunks(events)) or [[]]
        fresh: list[bool] = []
        for piece in pieces[:-1]:
            fresh += (await self._log.record(piece, now_ms=now)).fresh
        move = CursorMove(poll.key, cursor, page.cursor) if page.cursor != cursor else None
        if pieces[-1] or move:
            fresh += (await self._log.record(pieces[-1], move, now_ms=now)).fresh
        self._observer.page(poll, items, fresh[: len(items)])
        return sum(fresh)
