"""What became of one event at one destination.

A connector answers every event of a batch with one of these four. The pipeline turns the answer into the
event's fate; a connector never touches a queue.
"""

from dataclasses import dataclass

__all__ = ["Blocked", "Delivered", "Outcome", "Rejected", "Retry"]


@dataclass(frozen=True, slots=True)
class Delivered:
    """The destination has the event (a duplicate it already had counts too)."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try it later: the trouble is the event's own, the destination works."""

    reason: str
    after_s: float | None = None
    """Seconds the destination asked for (Retry-After); `None` leaves it to the back-off."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Never: the destination refused its content. It is parked with the reason at once."""

    reason: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """The destination itself is down, full or refuses us. Its queue and its retry clocks stand still."""

    reason: str
    probe_after_s: float | None = None
    """Seconds until the next probe is worth it; `None` leaves it to the back-off."""
    limited: bool = False
    """Whether it works and only wants fewer a second (429): then all that share its rate wait, and a short
    wait is no news."""


Outcome = Delivered | Retry | Rejected | Blocked
