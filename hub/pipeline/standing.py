"""Whether a destination works: from what sends say to the row's block, and to those who are told of it."""

from collections.abc import Callable, Sequence

from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from hub.pipeline.lane import Lane, SenderObserver
from hub.store.base import Log

__all__ = ["Standing"]

_SHORT_S = 60.0
_LIMITED_MS = 120_000
"""A destination that only wants fewer a second is news when nothing got through for so long."""


class Standing:
    """Of one lane's destination, as this process sees it."""

    def __init__(self, lane: Lane, log: Log, observer: SenderObserver, *, now_ms: Callable[[], int]) -> None:
        self._lane = lane
        self._log = log
        self._observer = observer
        self._now_ms = now_ms
        self.failures = 0
        """Blocked answers in a row; above 0 the next send is a probe."""
        self._maybe_blocked = True
        """Unknown at start: another process may have left the row blocked."""

    async def note(
        self, outcomes: Sequence[Outcome], blocked: Blocked | None, *, again_s: float = 0.0
    ) -> None:
        """What a send says about the destination. A block ends with an event that it took, or refused for
        good: an answer about content. `Retry` alone may still be the destination's trouble, so the next
        event is the probe, soon; `again_s` is when the one that was tried wants to be tried again.
        """
        if blocked is not None:
            await self.block(blocked)
        elif any(isinstance(outcome, Delivered | Rejected) for outcome in outcomes):
            await self._works()
        elif self.failures and (retry := next((o for o in outcomes if isinstance(o, Retry)), None)):
            self.failures = 0
            await self.block(Blocked(retry.reason, again_s))

    async def _works(self) -> None:
        self.failures = 0
        if self._maybe_blocked:
            self._maybe_blocked = False
            if await self._log.unblock(self._lane.name, now_ms=self._now_ms()):
                self._observer.recovered(self._lane)

    async def block(self, blocked: Blocked) -> None:
        """The next send is a probe, after a while. Told of when the block is sure to last."""
        asked_s = blocked.probe_after_s
        paces = blocked.limited and asked_s is not None  # it knows when: there is nothing to back off from
        wait_s = self._lane.probes.delay_s(0 if paces else self.failures, asked_s)
        self.failures += 1
        self._maybe_blocked = True
        tell_after_ms = self._lane.tell_after_ms
        if blocked.limited and (asked_s or 0.0) <= _SHORT_S:
            tell_after_ms = max(tell_after_ms, _LIMITED_MS)
        now = self._now_ms()
        probe_at_ms = now + int(wait_s * 1000)
        reason = blocked.reason[:300]
        if await self._log.block(
            self._lane.name, reason, probe_at_ms, now_ms=now, tell_after_ms=tell_after_ms
        ):
            self._observer.blocked(self._lane, blocked.reason)
