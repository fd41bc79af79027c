"""Walk a list by the vendor's opaque cursor, resume it by time.

The state between two requests is one JSON text. A walk starts at a time (inclusive, with an overlap),
follows the vendor's cursor to its end, and leaves the newest time seen as the next start: ties and slightly
late entries are read again and dropped by dedupe; what is later still is the look-back's. A refused cursor
becomes a gap and a resume by time. No answer can make a walk endless: cursors or pages that repeat end it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from hub.sdk.pages import CursorRefused, Listing, fetch_page
from hub.sdk.rounds import Rounds
from hub.sdk.source import Call, Fetch, Item, Page
from hub.sdk.times import iso
from hub.sdk.walking import begin_ms, dump, load, newest

__all__ = ["CursorWalk"]

MAX_REFUSALS = 3
"""A cursor refused this often at one place ends the walk until the next due time."""
MAX_EMPTY = 5
"""Empty pages in a row, each of which promises another; then the rest waits for the next due time."""


class _State(msgspec.Struct, omit_defaults=True):
    """Times are epoch milliseconds."""

    walking: bool = False
    start: int | None = None
    """`from` of this walk; `None` = everything."""
    until: int | None = None
    """`to` of this walk, after a refused cursor in a list that is newest first."""
    next: str | None = None
    """The vendor's cursor; `None` = the walk's first page."""
    high: int | None = None
    """Newest time seen in finished walks."""
    walk_high: int | None = None
    walk_low: int | None = None
    """Newest and oldest time seen in this walk."""
    order: str = ""
    """What the walk looked like so far: `asc`, `desc`, `mixed`."""
    last: int | None = None
    """Time of the last entry of the page before."""
    cursors: Rounds = msgspec.field(default_factory=Rounds)
    pages: Rounds = msgspec.field(default_factory=Rounds)
    empty: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorWalk:
    """What differs from list to list."""

    path: str
    item: Callable[[Mapping[str, Any], bytes], Item]
    time_of: Callable[[Mapping[str, Any]], int | None]
    """Epoch milliseconds of an entry."""
    limit: int = 500
    overlap_ms: int = 300_000
    from_param: str = "from"
    to_param: str = "to"
    cursor_param: str = "cursor"
    limit_param: str = "limit"

    def fetch(self, lookback_s: float | None = None) -> Fetch:
        """Make a stream's `fetch`; with `lookback_s` every walk begins that long ago."""

        async def fetch(call: Call, cursor: str | None, now_ms: int) -> Page:
            state, gap = load(cursor, _State)
            if not state.walking:
                start = begin_ms(state.high, now_ms, overlap_ms=self.overlap_ms, lookback_s=lookback_s)
                state = _State(start=start, high=state.high, walking=True)
            try:
                listing = await fetch_page(call, self.path, self._params(state), cursor=state.next)
            except CursorRefused as refusal:
                return self._resume(state, str(refusal))
            return self._advance(state, listing, now_ms, gap)

        return fetch

    def _params(self, state: _State) -> dict[str, str]:
        params = {self.limit_param: str(self.limit)}
        if state.start is not None:
            params[self.from_param] = iso(state.start)
        if state.until is not None:
            params[self.to_param] = iso(state.until)
        if state.next is not None:
            params[self.cursor_param] = state.next
        return params

    def _advance(self, state: _State, listing: Listing, now_ms: int, gap: str | None) -> Page:
        items = [self.item(payload, raw) for payload, raw in listing.items]
        _look(state, [self.time_of(payload) for payload, _ in listing.items], now_ms)
        state.empty = 0 if items else state.empty + 1
        asked, state.next = state.next, listing.following
        if _repeats(state, asked, listing):
            gap = f"{self.path} gives the same page again and again; entries behind it may be missing"
            state.next = None
        if state.next is None or state.next == asked:
            return Page(items=items, cursor=_ended(state), more=False, gap=gap)
        return Page(items=items, cursor=dump(state), more=state.empty < MAX_EMPTY, gap=gap)

    def _resume(self, state: _State, why: str) -> Page:
        """Go on by time.

        Ascending: from the newest seen. Newest first: down from the oldest seen. No order: this walk again.
        """
        again = _State(
            walking=True,
            start=state.start,
            until=state.until,
            high=state.high,
            walk_high=state.walk_high,
        )
        if state.order == "asc" and state.walk_high is not None:
            again.start = state.walk_high
        elif state.order == "desc":
            again.until = state.walk_low
        moved = (again.start, again.until) != (state.start, state.until)
        again.refused = 1 if moved else state.refused + 1
        since = "its beginning" if again.start is None else iso(again.start)
        gap = f"the vendor refused the cursor of {self.path} ({why}); reading goes on from {since}"
        more = again.refused < MAX_REFUSALS
        again.refused = again.refused if more else 0
        return Page(items=(), cursor=dump(again), more=more, gap=gap)


def _ended(state: _State) -> str:
    """What is left of a walk that reached its end."""
    return dump(_State(high=newest(state.high, state.walk_high)))


def _look(state: _State, times: list[int | None], now_ms: int) -> None:
    """Note the page's bounds and whether the walk is still in one order."""
    known = [max(time, 0) for time in times if time is not None]
    if not known:
        return
    pairs = list(pairwise(known if state.last is None else [state.last, *known]))
    if any(a < b for a, b in pairs):
        state.order = "asc" if state.order in {"", "asc"} else "mixed"
    if any(a > b for a, b in pairs):
        state.order = "desc" if state.order in {"", "desc"} else "mixed"
    state.last = known[-1]
    state.walk_high = newest(state.walk_high, min(max(known), now_ms))
    state.walk_low = min(known) if state.walk_low is None else min(state.walk_low, *known)


def _repeats(state: _State, asked: str | None, listing: Listing) -> bool:
    """Whether the vendor serves a page or a cursor of this walk once more."""
    following = listing.following
    if following is None:
        return False
    if listing.items and state.pages.met(*(raw for _, raw in listing.items)):
        return True
    return following != asked and state.cursors.met(following.encode("utf-8", "surrogatepass"))
