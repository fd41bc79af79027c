"""When to walk: claims what is due from the durable schedule, walks a slice, says when next.

The first walk of a stream is due at once. A claim is a lease, so that two workers never walk one stream at
a time; a killed
walk is due again when its claim runs out.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hub.pipeline.backoff import Backoff
from hub.pipeline.poll import Poll, Poller, Walked
from hub.sdk.source import Call

__all__ = ["CLAIM_MS", "Schedule", "Walks"]

CLAIM_MS = 120_000
"""Longer than a slice (60 s) and its last page; what a killed walk waits."""
_AGAIN_MS = 50
_REFUSED_S = 3600.0
_CLOSED_S = 60.0
"""Until a closed tenant's stream is looked at again: so long after reopening it may stand still."""
_FAILED = Backoff(first_s=5.0, most_s=300.0)


class Schedule(Protocol):
    """The jittered sorted set behind it (`hub.store.state`)."""

    async def schedule(self, stream: str, due_ms: int) -> None: ...

    async def claim(self, now_ms: int, limit: int, lease_ms: int) -> Sequence[str]: ...

    async def unschedule(self, stream: str) -> None: ...

    async def schedule_all(self) -> Mapping[str, int]: ...


class Walks:
    """All polls of this process's configuration."""

    def __init__(
        self,
        schedule: Schedule,
        poller: Poller,
        *,
        polls: Mapping[str, Poll],
        call: Callable[[Poll], Call],
        walked: Callable[[Poll, Walked], None],
        now_ms: Callable[[], int],
    ) -> None:
        self._schedule = schedule
        self._poller = poller
        self.polls = polls
        self._call = call
        self._walked = walked
        self._now_ms = now_ms
        self._failures: dict[str, int] = {}

    async def adopt(self) -> None:
        """Bring the schedule in line with the configuration: new streams are due now, gone ones leave,
        shorter intervals count at once.
        """
        known = await self._schedule.schedule_all()
        now = self._now_ms()
        for key in known:
            if key not in self.polls:
                await self._schedule.unschedule(key)
        for key, poll in self.polls.items():
            first = now + int(poll.every_s * 1000) if poll.lookback and key not in known else now
            if key not in known or known[key] > now + poll.every_s * 1000:
                await self._schedule.schedule(key, first)

    async def due(self, limit: int = 20) -> Sequence[str]:
        """Claim what is due."""
        return await self._schedule.claim(self._now_ms(), limit, CLAIM_MS)

    async def walk(self, key: str) -> Walked | None:
        """Walk one claimed stream for one slice and schedule its next; `None` for a stream that left the
        configuration.
        """
        poll = self.polls.get(key)
        if poll is None:
            await self._schedule.unschedule(key)
            return None
        walked = await self._poller.walk(poll, self._call(poll))
        await self._schedule.schedule(key, self._now_ms() + self._pause_ms(poll, walked))
        self._walked(poll, walked)
        return walked

    def _pause_ms(self, poll: Poll, walked: Walked) -> int:
        failures = self._failures.pop(poll.key, 0)
        match walked.end:
            case "more":
                return _AGAIN_MS
            case "refused":
                return int(_REFUSED_S * 1000)
            case "closed":
                return int(_CLOSED_S * 1000)
            case "failed" | "full":
                self._failures[poll.key] = failures + 1
                wait_s = min(
                    _FAILED.delay_s(failures, walked.retry_after_s),
                    max(poll.every_s, walked.retry_after_s or 0),
                )
                return int(wait_s * 1000)
            case "done" | "stale":
                return int(poll.every_s * 1000 * random.uniform(0.95, 1.0))  # noqa: S311 - jitter is no secret
