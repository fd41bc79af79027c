"""How the sandboxes of the vendors differ: keys, webhooks, what is there beside mail, how often to ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["VENDORS", "Pace", "Part", "Presented", "Vendor"]

Presented = Literal["Authorization: Bearer", "X-API-Key"]
Part = Literal["mailboxes", "dmarc", "dns", "estate"]
"""What a sandbox has beside domains, mail, lists and people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a client may ask by the vendor's page; `within_s` seconds see at most `requests`."""

    requests: int
    within_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """`name` is the dialect's in `core.app.dialects.DIALECTS`, `style` its keys' in `STYLES`.

    `webhook` is the form in which its events are pushed, `events` which ones its page names; nothing where
    it has no webhooks. `paces` are the page's limits; a client that stays below all of them is never refused.
    """

    name: str
    style: str
    presented: Presented
    webhook: str = ""
    events: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    paces: tuple[Pace, ...] = ()


_ALL: Final = (
    Vendor(
        name="mxguard",
        style="mxguard",
        presented="Authorization: Bearer",
        webhook="mxguard",
        events=(
            *("verdict.created", "quarantine.added", "quarantine.released", "quarantine.discarded"),
            *("quarantine.reported_spam", "quarantine.expired"),
            *("domain.created", "domain.updated", "domain.deleted", "domain.verified"),
            *("rule.added", "rule.updated", "rule.removed"),
        ),
        paces=(Pace(requests=60, within_s=60), Pace(requests=600, within_s=3600)),
    ),
    Vendor(
        name="mailguard",
        style="mailguard",
        presented="X-API-Key",
        webhook="mailguard",
        events=(
            *("quarantine.added", "quarantine.released", "quarantine.discarded"),
            *("reputation.threshold_crossed", "license.changed", "cluster.node_joined", "cluster.node_left"),
            *("dkim.rotation_due", "cert.expiring"),
        ),
        parts=("estate",),
        paces=(Pace(requests=1100, within_s=60),),  # 100 a minute, and a bucket of ten times that
    ),
    Vendor(
        name="mxroute-manager",
        style="mxroute-manager",
        presented="Authorization: Bearer",
        parts=("mailboxes", "dns"),
    ),
    Vendor(
        name="mailsentinel",
        style="mailsentinel",
        presented="Authorization: Bearer",
        webhook="mailsentinel",
        events=("domain.verified", "domain.scan.completed", "alert.triggered", "report.received"),
        parts=("dmarc", "dns"),
        paces=(Pace(requests=60, within_s=60), Pace(requests=1000, within_s=86_400)),
    ),
    Vendor(
        name="mailchannels",
        style="mailchannels",
        presented="X-API-Key",
        parts=("mailboxes",),
        paces=(Pace(requests=100, within_s=1),),
    ),
)

VENDORS: Final[Mapping[str, Vendor]] = {each.name: each for each in _ALL}
"""By name. One whose dialect is not registered cannot be started."""
