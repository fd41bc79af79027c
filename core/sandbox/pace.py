"""When things happen in a made world."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.detectors import nodes
from core.service.detectors import Limits

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """In seconds, as intervals or after the first start.

    `heartbeat_timeout_s` is the service's own, whose detector may look at the same nodes.
    """

    people_s: float = 4.0
    looks_s: float = 60.0
    tick_s: float = 1.0
    partner_joins_s: float = 12.0
    partner_stays_s: float = 45.0
    partner_away_s: float = 45.0
    partner_later_stays_s: float = 600.0
    heartbeat_timeout_s: float = nodes.TIMEOUT_MS / 1000
    dkim_due_s: Sequence[float] = (25.0, 900.0, 4500.0)
    certificate_due_s: Sequence[float] = (35.0, 1800.0)
    licence_due_s: float = 45.0
    licence_interval_s: float = 1200.0
    renewed_after_ticks: int = 20

    @property
    def limits(self) -> Limits:
        """As the detectors take them."""
        return Limits(
            heartbeat_timeout_ms=round(self.heartbeat_timeout_s * 1000),
            licence_interval_ms=round(self.licence_interval_s * 1000),
        )
