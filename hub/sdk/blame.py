"""Whose fault was it? An answer such as 400 or 500 does not say: the event's, or the destination's?

A secret that was changed at the receiver makes it answer 400 to everything; a body that its parser does not
take makes it answer 400 to one event. The first must park nothing, the second must hold up nobody. What tells
them apart is what becomes of the *other* events:

- one that was sent after its answer gets through: it was the event's own fault (refused for good, or tried
  later);
- only those got through that were sent before its answer came: it is set aside (`Retry`); when a later
  attempt fails alone a moment after something got through, or twice with something through in between, it was
  its own;
- none got through: the destination's fault (`Blocked`), and the pipeline probes it with the oldest event;
- the same event alone, `PATIENCE` probes in a row: it is set aside, so that the next one has its chance. Each
  time the patience grows fivefold, until something gets through: an endpoint that refuses everything for days
  costs a handful of events one attempt each, and parks none.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry

__all__ = ["NEAR_S", "PATIENCE", "Answer", "Blame", "Doubt"]

PATIENCE: Final = 10
"""Probes with one event: some three minutes with the pipeline's pauses."""
NEAR_S: Final = 5.0
"""How long after a success the destination still counts as well: an outage may begin at any moment."""
_GROWTH: Final = 5
_MOST_GROWN: Final = 6
_REMEMBERED: Final = 10_000
_GUILTY: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """An answer, or none, that may be the event's fault or the destination's."""

    reason: str
    refusal: bool = False
    """Whether it was about the content: then another attempt is of no use once the event is found guilty."""
    after_s: float | None = None
    """What the destination asked for (Retry-After)."""
    stops: bool = False
    """Whether sending on makes no sense now (no answer in time). Others' success then proves nothing."""
    overtaken: bool = False
    """Whether an event got through that was sent after this answer had come (`hub.sdk.each.send_each`)."""


Answer = Outcome | Doubt


class Blame:
    """Remembers, for one connector, what got through and which events did not."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._got_through_at = -NEAR_S
        self._delivered = 0
        self._suspects: dict[bytes, tuple[int, int]] = {}
        """Event -> how many had been delivered when it was set aside last (`_GUILTY` when that is settled),
        and how often it failed alone since, with something through in between."""
        self._alone = b""
        self._times = 0
        self._grown = 0

    def judge(self, batch: Sequence[Entry], answers: Sequence[Answer]) -> list[Outcome]:
        """One outcome an event, for answers in the batch's order."""
        got = sum(isinstance(answer, Delivered) for answer in answers)
        self._delivered += got
        if got:
            self._times = self._grown = 0
            self._got_through_at = self._clock()
        outcomes: list[Outcome] = []
        for entry, answer in zip(batch, answers, strict=True):
            if not isinstance(answer, Doubt):
                outcomes.append(answer)
            elif answer.stops or not got:
                outcomes.append(self._unproven(entry, answer, alone=len(batch) == 1))
            else:
                outcomes.append(self._own(entry, answer))
        return outcomes

    def _own(self, entry: Entry, doubt: Doubt) -> Outcome:
        """Others got through in the same batch; those before it say nothing of the moment of its answer."""
        since, failed = self._suspected(entry.uid)
        guilty = doubt.overtaken or since == _GUILTY
        self._remember(entry.uid, _GUILTY if guilty else self._delivered, failed)
        return _rejected(doubt) if guilty else Retry(doubt.reason, doubt.after_s)

    def _unproven(self, entry: Entry, doubt: Doubt, *, alone: bool) -> Outcome:
        since, failed = self._suspected(entry.uid)
        is_well = self._clock() - self._got_through_at < NEAR_S
        if since == _GUILTY or (since < self._delivered and (is_well or failed)):
            self._remember(entry.uid, _GUILTY)
            return _rejected(doubt)
        if since < self._delivered:
            self._remember(entry.uid, self._delivered, failed + 1)
            return Retry(doubt.reason, doubt.after_s)
        if alone and self._is_spent(entry.uid):
            self._remember(entry.uid, self._delivered, failed)
            return Retry(doubt.reason, doubt.after_s)
        return Blocked(doubt.reason, doubt.after_s)

    def _suspected(self, uid: bytes) -> tuple[int, int]:
        return self._suspects.get(uid, (self._delivered, 0))

    def _is_spent(self, uid: bytes) -> bool:
        """Whether patience with this event, sent alone again and again, is at its end."""
        self._times = self._times + 1 if uid == self._alone else 1
        self._alone = uid
        if self._times < PATIENCE * _GROWTH**self._grown:
            return False
        self._times, self._grown = 0, min(self._grown + 1, _MOST_GROWN)
        return True

    def _remember(self, uid: bytes, when: int, failed: int = 0) -> None:
        self._suspects.pop(uid, None)
        self._suspects[uid] = when, failed
        if len(self._suspects) > _REMEMBERED:
            del self._suspects[next(iter(self._suspects))]


def _rejected(doubt: Doubt) -> Outcome:
    return Rejected(doubt.reason) if doubt.refusal else Retry(doubt.reason, doubt.after_s)
