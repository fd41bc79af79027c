"""`Idempotency-Key`: a POST that makes something is done once, however often it is sent.

The first answer is kept and given again. The same key with another request, or while the first is still
running, is a conflict. A failed request leaves no trace, so that it can be tried again under its key.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hub.web.errors import Conflict

__all__ = ["IdempotencyStore", "MemoryIdempotency", "Saved", "Slot"]


@dataclass(frozen=True, slots=True)
class Slot:
    """An Idempotency-Key, bound to who gave it for which kind of request."""

    tenant: str
    principal: str
    """Kind and id."""
    request: str
    """Method and path."""
    given: str


@dataclass(frozen=True, slots=True)
class Saved:
    """An answer as it went out."""

    status: int
    body: bytes


class IdempotencyStore(Protocol):
    """What `mount` asks of one; `fingerprint` is of what may differ between two requests of a slot."""

    async def begin(self, slot: Slot, fingerprint: str) -> Saved | None:
        """The answer to give again, or `None`: the key is now taken by this request.

        Raises `Conflict` when another request (or the same one, still running) holds it.
        """
        ...

    async def finish(self, slot: Slot, saved: Saved) -> None: ...

    async def abandon(self, slot: Slot) -> None: ...


@dataclass(slots=True)
class _Kept:
    fingerprint: str
    until_s: float
    saved: Saved | None = None


class MemoryIdempotency:
    """Bounded by count and age; one process."""

    def __init__(
        self, *, keep_s: float = 86_400.0, entries: int = 1_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep_s = keep_s
        self._entries = entries
        self._clock = clock
        self._kept: OrderedDict[Slot, _Kept] = OrderedDict()

    async def begin(self, slot: Slot, fingerprint: str) -> Saved | None:
        self._forget()
        kept = self._kept.get(slot)
        if kept is None:
            self._kept[slot] = _Kept(fingerprint, self._clock() + self._keep_s)
            return None
        if kept.fingerprint != fingerprint:
            raise Conflict("This Idempotency-Key was used for a different request: take a new one.")
        if kept.saved is None:
            raise Conflict("The request with this Idempotency-Key is still running: ask again in a moment.")
        return kept.saved

    async def finish(self, slot: Slot, saved: Saved) -> None:
        if slot in self._kept:
            self._kept[slot].saved = saved

    async def abandon(self, slot: Slot) -> None:
        self._kept.pop(slot, None)

    def _forget(self) -> None:
        now = self._clock()
        while self._kept:
            oldest = next(iter(self._kept.values()))
            if oldest.until_s > now and len(self._kept) < self._entries:
                return
            self._kept.popitem(last=False)
