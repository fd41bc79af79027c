"""Walk a list by limit and offset while it changes under the walk.

Items that come in push the rest to higher offsets (read twice, dropped by dedupe); items that go pull the
rest to lower offsets, where a plain `offset += limit` would skip them. So every page overlaps the one
before, and a page that does not join on (none of its items was in the tail of the page before, and its
first is not on the near side of it) steps back until it does. A short first page is no end, since the
vendor may cap the limit; the end is where a shorter page brings nothing new.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from hub.sdk.pages import Listing, fetch_page
from hub.sdk.source import Call, Fetch, Item, Page
from hub.sdk.times import iso
from hub.sdk.walking import begin_ms, dump, load, newest

__all__ = ["OffsetWalk"]

TAIL = 50
"""Items of a page that are remembered for the next to join on to; also the overlap."""
MAX_STEPS_BACK = 30
"""More steps back than this in one walk: the list changes faster than it can be read."""
MAX_SAME = 3
"""The same page this often in a row: the vendor does not look at the offset."""


class _State(msgspec.Struct, omit_defaults=True):
    """Times are epoch milliseconds."""

    walking: bool = False
    since: int | None = None
    high: int | None = None
    """Newest time seen in finished walks."""
    walk_high: int | None = None
    offset: int = 0
    tail: list[str] = msgspec.field(default_factory=list)
    """Digests of the last items of the page before, oldest position first."""
    last: int | None = None
    """Time of the very last of them."""
    full: int = 0
    """Longest page of this walk."""
    backs: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetWalk:
    """What differs from list to list."""

    path: str
    item: Callable[[Mapping[str, Any], bytes], Item]
    time_of: Callable[[Mapping[str, Any]], int | None]
    key_of: Callable[[Mapping[str, Any]], str]
    """What an item is known by, whatever page it is on."""
    limit: int = 500
    overlap_ms: int = 600_000
    since_param: str = "since"
    limit_param: str = "limit"
    offset_param: str = "offset"

    def fetch(self, lookback_s: float | None = None) -> Fetch:
        """Make a stream's `fetch`; with `lookback_s` every walk begins that long ago."""

        async def fetch(call: Call, cursor: str | None, now_ms: int) -> Page:
            state, gap = load(cursor, _State)
            if not state.walking:
                since = begin_ms(state.high, now_ms, overlap_ms=self.overlap_ms, lookback_s=lookback_s)
                state = _State(walking=True, since=since, high=state.high)
            listing = await fetch_page(call, self.path, self._params(state))
            return self._advance(state, listing, now_ms, gap)

        return fetch

    def _params(self, state: _State) -> dict[str, str]:
        params = {self.limit_param: str(self.limit), self.offset_param: str(state.offset)}
        if state.since is not None:
            params[self.since_param] = iso(state.since)
        return params

    def _advance(self, state: _State, listing: Listing, now_ms: int, gap: str | None) -> Page:
        items = [self.item(payload, raw) for payload, raw in listing.items]
        keys = [_digest(self.key_of(payload)) for payload, _ in listing.items]
        times = [self.time_of(payload) for payload, _ in listing.items]
        state.walk_high = max(
            (time for time in (state.walk_high, *(min(t, now_ms) for t in times if t)) if time), default=None
        )
        if not _joins(state, keys, times):
            return self._step_back(state, items, gap)
        if _is_end(state, keys) or _is_all(state, keys, listing.total):
            return Page(items=items, cursor=_ended(state), more=False, gap=gap)
        state.same = state.same + 1 if keys[-TAIL:] == state.tail else 0
        if state.same > MAX_SAME:
            return self._give_up(state, items, "gives the same page at every offset")
        state.offset += len(keys) - min(TAIL, len(keys) // 2)
        state.tail, state.last, state.full = keys[-TAIL:], times[-1], max(state.full, len(keys))
        return Page(items=items, cursor=dump(state), more=True, gap=gap)

    def _step_back(self, state: _State, items: Sequence[Item], gap: str | None) -> Page:
        state.backs += 1
        if state.backs > MAX_STEPS_BACK:
            return self._give_up(state, items, "changes faster than it can be read")
        state.offset = max(state.offset - max(len(items), TAIL) * state.backs, 0)
        if state.offset == 0:
            state.tail, state.last = [], None
        return Page(items=items, cursor=dump(state), more=True, gap=gap)

    def _give_up(self, state: _State, items: Sequence[Item], why: str) -> Page:
        """End the walk; the next begins where this one did."""
        gap = f"{self.path} {why}; items may be missing until the next walk"
        return Page(items=items, cursor=dump(_State(high=state.high)), more=False, gap=gap)


def _joins(state: _State, keys: Sequence[str], times: Sequence[int | None]) -> bool:
    """Whether nothing can lie between the page before and this one."""
    if state.offset == 0 or not state.tail:
        return True
    if not set(state.tail).isdisjoint(keys):
        return True
    if not keys or state.last is None:
        return False
    first, last = times[0], times[-1]
    if first is None or last is None or first == last:
        return False
    # The page starts before the place where the one before ended, in the order that the list has.
    return first > state.last if first > last else first < state.last


def _is_end(state: _State, keys: Sequence[str]) -> bool:
    if state.offset == 0:
        return len(keys) < max(state.full, 2)
    return len(keys) < state.full and (not keys or keys[-1] in state.tail)


def _is_all(state: _State, keys: Sequence[str], total: int | None) -> bool:
    return total is not None and state.offset + len(keys) >= total


def _digest(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _ended(state: _State) -> str:
    return dump(_State(high=newest(state.high, state.walk_high)))
