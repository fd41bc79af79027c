"""What a person or a workflow is told about an event: the facts, picked out of its OCSF body once for all
alerting connectors (Slack, Zapier). Pure; how it looks is the connector's own business.

Every text is as the vendor or a stranger's mail wrote it: hostile until a connector has cleaned it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.sdk.jsontext import decode

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


def alert_of(entry: Entry) -> Alert:
    """Pick the facts out of an event. A body that is no JSON object gives the header's facts alone."""
    body = _body(entry.body)
    header = entry.header
    kind = kind_of(header.code)
    email, auth, meta = _part(body, "email"), _part(body, "email_auth"), _part(body, "metadata")
    unmapped = _part(body, "unmapped")
    return Alert(
        kind=kind,
        title=KINDS[kind],
        severity_id=header.severity,
        severity=_text(body, "severity") or "Unknown",
        event_id=uid_text(entry.uid),
        code=header.code,
        product=_text(_part(meta, "product"), "name"),
        tenant=header.tenant,
        source=header.source,
        domain=header.domain,
        time_ms=header.time_ms,
        message=_text(body, "message"),
        reason=_text(body, "status_detail"),
        disposition=_text(body, "disposition"),
        sender=_text(body, "from") or _text(email, "from"),
        recipients=_texts(body, "to") or _texts(email, "to"),
        subject=_text(email, "subject"),
        message_id=_text(email, "message_uid"),
        score=_number(unmapped.get("score")),
        client_ip=_client_ip(body),
        spf=_text(auth, "spf"),
        dkim=_text(auth, "dkim"),
        dmarc=_text(auth, "dmarc"),
        actor=_actor(body),
        resource=_resource(body, unmapped),
        count=_count(body),
        first_ms=_whole(body.get("start_time")),
        last_ms=_whole(body.get("end_time")),
        details={str(key): _plain(value) for key, value in unmapped.items() if _is_plain(value)},
    )


def _body(raw: bytes) -> Mapping[str, Any]:
    try:
        body = decode(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = of.get(key)
    return part if isinstance(part, dict) else {}


def _text(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return value if isinstance(value, str) else ""


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


def _first(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = of.get(key)
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}


def _client_ip(body: Mapping[str, Any]) -> str:
    own = _text(_part(body, "src_endpoint"), "ip")
    return own or _text(_part(_first(body, "evidences"), "src_endpoint"), "ip")


def _actor(body: Mapping[str, Any]) -> str:
    actor = _part(body, "actor")
    return _text(_part(actor, "user"), "name") or _text(actor, "app_name")


def _resource(body: Mapping[str, Any], unmapped: Mapping[str, Any]) -> str:
    named = _text(_first(body, "resources"), "name") or _text(_part(body, "entity"), "name")
    return named or _text(unmapped, "subject")
