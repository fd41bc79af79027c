"""What of a lane's events is counted instead of sent: the old ones, and those of a storm."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome
from hub.pipeline.digest import STALE, stale_tally, storm_tallies
from hub.pipeline.lane import Lane
from hub.pipeline.storm import Group, Storms, groups_of
from hub.sdk.alerts import alert_of
from hub.store.base import Digest, Fate, RetryRef, Tally

__all__ = ["Plan", "Tallying"]

_BETWEEN_DIGESTS_MS = 600_000
"""A queue that drains slowly loses its oldest all the time: a digest of them now and then will do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to become of some entries: the storm that counts each, or `None` to send it."""

    entries: Sequence[Entry]
    groups: Sequence[Sequence[Group]]
    storms: Sequence[Group | None]

    @property
    def alone(self) -> list[Entry]:
        """Those to send."""
        return [entry for entry, storm in zip(self.entries, self.storms, strict=True) if storm is None]

    def outcomes(self, answers: Sequence[Outcome]) -> list[Outcome]:
        """Of all entries, given those of `alone`. Behind a block nothing is counted either: it stays."""
        coming, found, blocked = iter(answers), list[Outcome](), None
        for storm in self.storms:
            outcome = next(coming) if storm is None else blocked or Delivered()
            blocked = outcome if isinstance(outcome, Blocked) else blocked
            found.append(outcome)
        return found


class Tallying:
    """Of one lane, in this process."""

    def __init__(self, lane: Lane) -> None:
        self._max_age_ms = lane.max_age_ms
        self._storms = Storms(lane.storm) if lane.storm else None
        self._stale_told_ms = 0

    def is_old(self, entry: Entry, now_ms: int) -> bool:
        """Too old for an alert: recorded longer ago than `max_age`."""
        return self._max_age_ms is not None and entry.header.recorded_ms < now_ms - self._max_age_ms

    def old(self, entries: Sequence[Entry], now_ms: int) -> list[Entry]:
        """Those at the head that are too old."""
        return list(takewhile(lambda entry: self.is_old(entry, now_ms), entries))

    def stale(self, entries: Sequence[Entry], now_ms: int) -> Tally:
        """Count dropped alerts."""
        due_ms = max(now_ms, self._stale_told_ms + _BETWEEN_DIGESTS_MS)
        return stale_tally(entries, max_age_ms=self._max_age_ms or 0, due_ms=due_ms)

    def plan(
        self, entries: Sequence[Entry], now_ms: int, *, probing: bool, again: Sequence[RetryRef] = ()
    ) -> Plan:
        """Bodies are parsed only where storms are counted. A probe is never one of a storm, nor is what an
        operator sends again. `again`: the entries' references where they are retries.
        """
        groups: Sequence[Sequence[Group]] = [()] * len(entries)
        storms: Sequence[Group | None] = [None] * len(entries)
        if self._storms is not None:
            exempt = {ref.seq for ref in again if ref.unparked}
            groups = [() if entry.seq in exempt else groups_of(alert_of(entry)) for entry in entries]
            if not probing:
                storms = self._storms.plan(groups, now_ms, again=bool(again))
        return Plan(entries, groups, storms)

    def tallies(self, plan: Plan, fates: Sequence[Fate], now_ms: int) -> list[Tally]:
        """What the settle of these fates has to count."""
        if self._storms is None:
            return []
        counted = [
            (entry, storm)
            for entry, storm, fate in zip(plan.entries, plan.storms, fates, strict=False)
            if fate.kind == "delivered"
        ]
        return storm_tallies(counted, self._storms, now_ms)

    def tally_each(self, plan: Plan, fates: Sequence[Fate], now_ms: int) -> dict[int, Tally]:
        """What the settle of these retries has to count, by seq."""
        if self._storms is None:
            return {}
        counted = zip(plan.entries, plan.storms, fates, strict=True)
        return {
            entry.seq: tally
            for entry, storm, fate in counted
            if fate.kind == "delivered"
            for tally in storm_tallies([(entry, storm)], self._storms, now_ms)
        }

    def settled(self, plan: Plan, fates: Sequence[Fate], now_ms: int, *, again: bool = False) -> None:
        """These fates were written: the windows move on."""
        if self._storms is None:
            return
        for groups, storm, fate in zip(plan.groups, plan.storms, fates, strict=False):
            if fate.kind == "delivered" and storm is None:
                self._storms.sent(groups, now_ms)
            elif fate.kind == "delivered" and storm is not None:
                self._storms.counted(storm, now_ms)
            elif fate.kind == "retry" and not again:
                self._storms.tried(groups, now_ms)

    def told(self, digest: Digest, now_ms: int) -> None:
        """The destination has this one."""
        if digest.key == STALE:
            self._stale_told_ms = now_ms
