"""Limits in the memory of one process: a sandbox needs no server beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.store.clock import Clock
from hub.access.limiter import Budget, Limiter, Standing
from hub.access.plans import Window

__all__ = ["MemoryLimiter"]

_MOST = 10_000


@dataclass(slots=True)
class _Kept:
    left: float
    at_ms: int


class MemoryLimiter(Limiter):
    """As `Limiter` counts. Counts end with the process; beyond 10,000 callers all begin anew."""

    def __init__(self, clock: Clock) -> None:  # the parts of the other one are not there
        self._clock = clock
        self._kept: dict[tuple[str, str, str], _Kept] = {}

    async def take(
        self, asked: Sequence[Window], caller: str, *, tenant: str, n: int = 1, now_ms: int | None = None
    ) -> Budget:
        """Take `n` from every window, or from none."""
        now = self._clock() if now_ms is None else now_ms
        if len(self._kept) > _MOST:
            self._kept.clear()
        kept = [self._now(one, ("" if one.shared else caller, tenant, one.name), now) for one in asked]
        granted = all(each.left >= n for each in kept)
        for each in kept:
            each.left -= n if granted else 0
        standings = (_standing(one, each, n, now, granted) for one, each in zip(asked, kept, strict=True))
        return Budget(granted, now, tuple(standings))

    async def forget(self, tenant: str) -> int:
        """Remove everything that is counted of a tenant; how many counts there were."""
        names = [name for name in self._kept if name[1] == tenant]
        for name in names:
            del self._kept[name]
        return len(names)

    def _now(self, window: Window, name: tuple[str, str, str], now_ms: int) -> _Kept:
        """What is left of a window at this moment; a clock that went back gives nothing."""
        kept = self._kept.setdefault(name, _Kept(_room(window), now_ms))
        passed_ms = max(now_ms - kept.at_ms, 0)
        if window.refills:
            kept.left = min(kept.left + passed_ms * window.limit / window.period_ms, _room(window))
            kept.at_ms = max(now_ms, kept.at_ms)
        elif passed_ms >= window.period_ms:
            kept.left, kept.at_ms = _room(window), now_ms
        return kept


def _room(window: Window) -> float:
    return float(window.capacity if window.refills else window.limit)


def _standing(window: Window, kept: _Kept, n: int, now_ms: int, granted: bool) -> Standing:  # noqa: FBT001 - one of four plain figures
    """A window that does not refill opens again at its end."""
    per_ms = window.limit / window.period_ms
    ends_ms = kept.at_ms + window.period_ms - now_ms
    missing = 0.0 if granted else max(n - kept.left, 0.0)
    full_ms = (_room(window) - kept.left) / per_ms if window.refills else ends_ms
    wait_ms = (missing / per_ms if window.refills else ends_ms) if missing else 0
    return Standing(window, int(kept.left), _up(wait_ms), _up(full_ms))


def _up(ms: float) -> int:
    return int(-(-ms // 1))
