"""Every detector: what it watches, how often, and what it tells."""

from dataclasses import dataclass
from typing import Final

from core.detectors import nodes
from core.store.clock import HOUR_MS

__all__ = ["DETECTORS", "MINUTE_MS", "Detector", "period_ms"]

MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """`period_ms` is `None` for what happens in the transaction of a message or of an API call."""

    name: str
    period_ms: int | None
    watches: str
    events: tuple[str, ...] = ()


DETECTORS: Final[tuple[Detector, ...]] = (
    Detector(
        name="nodes",
        period_ms=nodes.PERIOD_MS,
        watches="heartbeats of the core's processes in the database",
        events=("cluster.node_joined", "cluster.node_left"),
    ),
    Detector(
        name="certificates",
        period_ms=6 * HOUR_MS,
        watches="certificates in files and folders, and those that servers show (TLS, SMTP with STARTTLS)",
        events=("cert.expiring", "cert.resolved"),
    ),
    Detector(
        name="dkim_keys",
        period_ms=HOUR_MS,
        watches="the age of DKIM keys in use",
        events=("dkim.rotation_due",),
    ),
    Detector(
        name="licence",
        period_ms=HOUR_MS,
        watches="the signed licence file",
        events=("license.changed",),
    ),
    Detector(
        name="dns_health",
        period_ms=6 * HOUR_MS,
        watches="the records of all active domains",
        events=("dns.health_alert", "dns.health_recovered"),
    ),
    Detector(
        name="dmarc_policy",
        period_ms=HOUR_MS,
        watches="live DMARC records of domains with a policy of their own",
        events=("dmarc.drift_alert", "dmarc.drift_recovered"),
    ),
    Detector(
        name="mailbox_usage",
        period_ms=HOUR_MS,
        watches="storage and messages of the day of all mailboxes, where a mail host counts them",
        events=(
            "mailbox.quota_alert",
            "mailbox.quota_recovered",
            "mailbox.send_limit_alert",
            "mailbox.send_limit_recovered",
        ),
    ),
    Detector(
        name="alerting",
        period_ms=5 * MINUTE_MS,
        watches="alert rules over DMARC reports, statistics and what other detectors found",
        events=("alert.triggered", "alert.resolved"),
    ),
    Detector(
        name="reputation",
        period_ms=HOUR_MS,
        watches="listed sender addresses that were forgiven; each verdict counts at once",
        events=("reputation.threshold_crossed",),
    ),
    Detector(
        name="upkeep",
        period_ms=HOUR_MS,
        watches="hourly counters to be folded into days; reports and audit entries past their retention",
    ),
    Detector(
        name="dmarc_reports",
        period_ms=None,
        watches="aggregate reports that are uploaded, or mailed to the rua address",
        events=("report.received",),
    ),
)


def period_ms(name: str) -> int:
    """Raises `KeyError` for what is no scheduled detector."""
    found = {each.name: each.period_ms for each in DETECTORS}[name]
    if found is None:
        raise KeyError(name)
    return found
