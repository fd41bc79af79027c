"""What the log's verbs take and give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Book",
    "ConnectorRow",
    "CursorMove",
    "Digest",
    "Fate",
    "Head",
    "Lease",
    "ParkedRow",
    "Peeked",
    "Recorded",
    "RetryRef",
    "Tally",
]


@dataclass(frozen=True, slots=True)
class CursorMove:
    """Moves a source stream's cursor in the same step that records its events."""

    stream: str
    """`<source>/<stream>`."""
    expected: str | None
    """The cursor as the walk read it; `None` = none yet. `Stale` when it differs by now."""
    to: str


@dataclass(frozen=True, slots=True)
class Recorded:
    fresh: tuple[bool, ...]
    """For each event given, in order: recorded now (True) or a repeat inside the dedupe window (False)."""
    seq: int
    """Last seq of the log after the call."""


@dataclass(frozen=True, slots=True)
class Head:
    start: int
    seq: int
    routed: int
    trim: int
    gen: int
    log_entries: int
    log_bytes: int
    dedupe_window_ms: int
    """How far back a repeat is surely recognised right now."""
    rolled_back: str = ""
    """What the server lost, in words, until the log is accepted as it is; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """The head of a queue, with what `settle` needs."""

    refs: tuple[int, ...]
    parked: int = 0
    """Heads that `peek` itself parked because they killed their worker six times."""


@dataclass(frozen=True, slots=True)
class RetryRef:
    """A reference in the retry set, at one attempt: it is settled only while exactly this is still there."""

    seq: int
    attempts: int
    first_ms: int
    """When it first failed, on the connector's own clock (which stands still while it is blocked)."""
    unparked: bool = False
    """Whether an operator sent it again: then it is sent however old it is, and counted in no storm."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What `settle` and `retried` write for one reference."""

    kind: Literal["delivered", "retry", "postponed", "parked", "dropped"]
    """`postponed`: to the retry set, due now, without counting an attempt."""
    reason: str = ""
    """For parked: the text shown; for retry: the last error; for dropped: a short code that is counted
    (`stale`, `operator`, `expired`)."""
    after_ms: int = 0
    """For retry: due this long from now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Events that a connector is told of by their number only; counted by the step that gives them their
    fate.
    """

    key: str
    """What belongs together, short. Tallies whose keys begin with the same word (up to a colon) may become
    one digest."""
    n: int
    due_ms: int
    """Wall clock from which it is worth a message."""
    first_ms: int
    last_ms: int
    """Recorded times of its oldest and youngest event."""
    severity: int
    """Highest `severity_id`."""
    about: str
    """What it is about, in the caller's words; the first one's is kept."""
    parts: Mapping[str, int]
    """How many of what, at most some 20 labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Tallies on their way to the destination: it stays as it is, whatever is counted meanwhile."""

    number: int
    """1, 2, 3, ... for each row."""
    name: str
    """The connector's name when it was sealed."""
    key: str
    """Of its first tally."""
    sealed_ms: int
    attempts: int
    """How often the destination asked to try it later."""
    tallies: int
    """How many became one."""
    n: int
    first_ms: int
    last_ms: int
    severity: int
    about: tuple[str, ...]
    """Of the first few tallies."""
    parts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ParkedRow:
    connector: str
    seq: int
    uid: str
    reason: str
    attempts: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class ConnectorRow:
    """A connector's state beside its books."""

    name: str
    state: Literal["ok", "blocked", "paused"]
    reason: str
    since_ms: int
    """Since when it is in that state (0 for ok)."""
    probe_at_ms: int
    head_seq: int
    """Oldest reference waiting in its queue; 0 when the queue is empty."""
    queued: int
    retrying: int
    parked: int
    next_retry_ms: int
    """Wall clock of its earliest retry, as if a block ended now; 0 for none."""
    clock_ms: int
    """The connector's own clock now."""
    last_delivered_ms: int
    oldest_seq: int
    """At most the lowest seq among its retries and parked events (exact up to 1,000 of them); 0 for none."""
    tallied: int = 0
    """Events whose digest is still to be sent."""
    told: int = 0
    """Events that digests told of."""
    untold: int = 0
    """Events whose digest the destination refused."""
    former: tuple[str, ...] = ()
    """Names that it had before, the last one first."""


@dataclass(frozen=True, slots=True)
class Book:
    """recorded = delivered + filtered + dropped + parked + pending, from the stored sets in one read."""

    connector: str
    recorded: int
    matched: int
    delivered: int
    filtered: int
    dropped: int
    parked: int
    pending: int
    queued: int
    """What the queue holds, counted."""
    retrying: int
    """What the retry set holds, counted."""
    dropped_by: Mapping[str, int]
    blocked: str | None

    @property
    def balanced(self) -> bool:
        """Whether both equations hold."""
        return (
            self.matched == self.queued + self.delivered + self.dropped + self.parked + self.retrying
            and self.recorded == self.delivered + self.filtered + self.dropped + self.parked + self.pending
            and min(self.delivered, self.filtered, self.dropped, self.parked, self.pending) >= 0
        )


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease only saves work; the compare-and-set is what makes two holders harmless."""

    name: str
    token: str
