"""What a person or a workflow is told about an event: the facts, picked out of its OCSF body once for all
alerting connectors (Slack, Zapier). Pure; how it looks is the connector's own business.

Every text is as the vendor or a stranger's mail wrote it: hostile until a connector has cleaned it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.sdk.ocsf_body import body_of, first, part, text

__all__ = ["ALERT_MATCH", "KINDS", "Alert", "alert_of", "kind_of"]

KINDS: Final[Mapping[str, str]] = {
    "quarantine.added": "Mail quarantined",
    "quarantine.released": "Mail released from quarantine",
    "quarantine.discarded": "Mail discarded from quarantine",
    "dmarc.failure": "DMARC failures",
    "dmarc.policy_drift": "DMARC policy drifted",
    "cert.expiring": "Certificate expires soon",
    "dkim.rotation_due": "DKIM key is due for rotation",
    "reputation.threshold_crossed": "Sender reputation crossed a threshold",
    "license.changed": "Licence changed",
    "hub.health": "mxhub's own health",
    "hub.digest": "Alerts that waited too long",
    "hub.storm": "Many alerts of one kind",
    "other": "Mail event",
}
"""Kinds of alerts and their titles. Every alerting connector has a template or a field list for each."""

_BY_CODE: Final = {
    "alert.triggered": "dmarc.failure",
    "report.received": "dmarc.failure",
    "dmarc.failure": "dmarc.failure",
    "dmarc.policy_drift": "dmarc.policy_drift",
    "dmarc.policy_changed": "dmarc.policy_drift",
    "dns.dmarc_policy_update": "dmarc.policy_drift",
    "dns.dmarc_policy_clear": "dmarc.policy_drift",
}
ALERT_MATCH: Final[tuple[Mapping[str, str], ...]] = (
    {"code": "quarantine.added"},
    {"code": "quarantine.released"},
    {"code": "quarantine.discarded"},
    {"code": "alert.triggered"},
    {"code": "report.received", "severity": ">=medium"},
    {"code": "dmarc.*"},
    {"code": "dns.dmarc_policy_update"},
    {"code": "dns.dmarc_policy_clear"},
    {"code": "cert.expiring"},
    {"code": "dkim.rotation_due"},
    {"code": "reputation.threshold_crossed"},
    {"code": "license.changed"},
    {"code": "hub.*"},
)
"""What an alerting connector gets when its configuration names no `match`, as `match` would say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """The facts of one event. A text that the event does not have is empty, a number `None`."""

    kind: str
    """One of `KINDS`."""
    title: str
    severity_id: int
    severity: str
    event_id: str
    """32 hexadecimal digits; the same for a repeat."""
    code: str
    """The vendor's event name."""
    product: str
    tenant: str
    source: str
    domain: str
    time_ms: int
    message: str
    reason: str = ""
    """OCSF `status_detail`."""
    disposition: str = ""
    sender: str = ""
    """Envelope sender, else the header's."""
    recipients: Sequence[str] = ()
    subject: str = ""
    message_id: str = ""
    score: float | None = None
    client_ip: str = ""
    spf: str = ""
    dkim: str = ""
    dmarc: str = ""
    actor: str = ""
    resource: str = ""
    """What a finding is about: a domain, a certificate's name, a connector."""
    count: int = 1
    """Above 1 for a digest or a storm: this many events in one."""
    first_ms: int | None = None
    last_ms: int | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    """Plain values of `unmapped`, by the vendor's name."""


def kind_of(code: str) -> str:
    """The kind of an event, by its code."""
    if code in KINDS:
        return code
    return _BY_CODE.get(code, "hub.health" if code.startswith("hub.") else "other")


def alert_of(entry: Entry, body: Mapping[str, Any] | None = None) -> Alert:
    """Pick the facts out of an event; `body` where the caller has decoded it (`hub.sdk.ocsf_body.body_of`).

    A body that is no JSON object gives the header's facts alone.
    """
    body = body_of(entry.body) if body is None else body
    header = entry.header
    kind = kind_of(header.code)
    email, auth, meta = part(body, "email"), part(body, "email_auth"), part(body, "metadata")
    unmapped = part(body, "unmapped")
    return Alert(
        kind=kind,
        title=KINDS[kind],
        severity_id=header.severity,
        severity=text(body, "severity") or "Unknown",
        event_id=uid_text(entry.uid),
        code=header.code,
        product=text(part(meta, "product"), "name"),
        tenant=header.tenant,
        source=header.source,
        domain=header.domain,
        time_ms=header.time_ms,
        message=text(body, "message"),
        reason=text(body, "status_detail"),
        disposition=text(body, "disposition"),
        sender=text(body, "from") or text(email, "from"),
        recipients=_texts(body, "to") or _texts(email, "to"),
        subject=text(email, "subject"),
        message_id=text(email, "message_uid"),
        score=_number(unmapped.get("score")),
        client_ip=_client_ip(body),
        spf=text(auth, "spf"),
        dkim=text(auth, "dkim"),
        dmarc=text(auth, "dmarc"),
        actor=_actor(body),
        resource=_resource(body, unmapped),
        count=_count(body),
        first_ms=_whole(body.get("start_time")),
        last_ms=_whole(body.get("end_time")),
        details={str(key): _plain(value) for key, value in unmapped.items() if _is_plain(value)},
    )


def _texts(of: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = of.get(key)
    return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _count(body: Mapping[str, Any]) -> int:
    return max(1, _whole(body.get("count")) or 1)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _client_ip(body: Mapping[str, Any]) -> str:
    own = text(part(body, "src_endpoint"), "ip")
    return own or text(part(first(body, "evidences"), "src_endpoint"), "ip")


def _actor(body: Mapping[str, Any]) -> str:
    actor = part(body, "actor")
    return text(part(actor, "user"), "name") or text(actor, "app_name")


def _resource(body: Mapping[str, Any], unmapped: Mapping[str, Any]) -> str:
    named = text(first(body, "resources"), "name") or text(part(body, "entity"), "name")
    return named or text(unmapped, "subject")
