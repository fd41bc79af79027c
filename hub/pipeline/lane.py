"""How one connector is served, and who is told what happened."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.pipeline.backoff import PROBES, Backoff
from hub.pipeline.fate import Limits
from hub.pipeline.storm import StormRule
from hub.store.base import Digest, Fate

__all__ = ["Lane", "SenderObserver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How one connector is served."""

    name: str
    """The queue's name: the connector's, or `connector@job` for a replay."""
    kind: str
    batch_events: int = 500
    batch_bytes: int = 4 * 1024 * 1024
    concurrency: int = 1
    deadline_s: float = 30.0
    rate_per_s: float | None = None
    bucket: str = ""
    """Name of the bucket that its rate is taken from; empty = its own. Connectors of one destination share
    it, so do their replays."""
    max_age_ms: int | None = None
    """Events recorded longer ago end as dropped (stale) and are told of by a digest."""
    storm: StormRule | None = None
    """When alerts of one sender or domain are counted instead of sent."""
    ordered: bool = False
    """One event at a time: within a batch a refused event would be overtaken by those behind it."""
    limits: Limits = field(default_factory=Limits)
    probes: Backoff = PROBES
    tell_after_ms: int = 0
    """How long a block must be sure to last before anybody is told of it."""

    @property
    def tells(self) -> bool:
        """Whether some events are told of by their number only."""
        return self.max_age_ms is not None or self.storm is not None


class SenderObserver(Protocol):
    """Told what happened."""

    def sent(self, lane: Lane, fates: Sequence[Fate], lag_ms: int) -> None:
        """A batch was settled; `lag_ms` from recording to settling, of its oldest event."""
        ...

    def blocked(self, lane: Lane, reason: str) -> None:
        """The destination is blocked, and sure to be for a while."""
        ...

    def recovered(self, lane: Lane) -> None:
        """It works again, after a block that was told of."""
        ...

    def told(self, lane: Lane, digest: Digest, fate: Fate) -> None:
        """A digest was delivered, refused for good (dropped), or is tried again later (retry)."""
        ...
