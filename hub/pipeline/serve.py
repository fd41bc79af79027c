"""What the two halves of a sender share: the queue's head (`send`) and the retries (`again`)."""

from collections.abc import Callable
from dataclasses import dataclass

from hub.model.event import Entry
from hub.pipeline.exchange import Exchange
from hub.pipeline.lane import Lane, SenderObserver
from hub.pipeline.payloads import Payloads
from hub.pipeline.standing import Standing
from hub.pipeline.tally import Tallying
from hub.store.base import Log

__all__ = ["Served"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One lane in this process."""

    lane: Lane
    log: Log
    payloads: Payloads
    exchange: Exchange
    tallying: Tallying
    standing: Standing
    observer: SenderObserver
    now_ms: Callable[[], int]

    def fitting(self, entries: list[Entry]) -> list[Entry]:
        """As many as the batch's bytes allow, at least one."""
        room = self.lane.batch_bytes * self.lane.concurrency
        for at, entry in enumerate(entries):
            room -= len(entry.body)
            if room < 0 and at:
                return entries[:at]
        return entries
