"""The core's events as OCSF. One table: what each event says, in which class, how severe.

An event's identity is its id: webhook and outbox bring the same. What has no attribute stays in `unmapped`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from hub.model.addresses import email_t, ip_t, split_addresses
from hub.model.ocsf import (
    OcsfEvent,
    application_lifecycle,
    authentication,
    compliance_finding,
    detection_finding,
    email_activity,
    entity_management,
)
from hub.model.ocsf_classes import OTHER
from hub.model.ocsf_objects import (
    Actor,
    Compliance,
    Email,
    Endpoint,
    FindingInfo,
    ManagedEntity,
    Metadata,
    Product,
    Service,
    User,
)
from hub.sdk.payload import Fields
from hub.sdk.source import Mapped, Mapper, Payload

__all__ = ["EVENTS", "PRODUCT"]

PRODUCT = Product(name="mxhub core", vendor_name="mxhub")
_CREATE, _CLOSE = 1, 3
_NEW, _RESOLVED = 1, 4
_SUCCESS, _FAILURE = 1, 2
_FAIL = 3
_MADE, _READ, _CHANGED, _REMOVED = 1, 2, 3, 4
_START, _STOP, _UPDATE = 3, 4, 8
_LOGON = 1


@dataclass(frozen=True, slots=True)
class _Said:
    """A payload, read: who, about what, when."""

    data: Fields
    common: dict[str, Any]
    subject: str
    domain: str


_Make = Callable[[_Said], OcsfEvent]


def _map(name: str, text: str, severity_id: int, make: _Make, payload: Payload) -> Mapped:
    fields = Fields(payload)
    data = fields.inner("data")
    event_id = fields.text("id")
    if event_id is None:
        raise ValueError("an event of the core without id")
    time, written = fields.time("timestamp")
    for said in ("event", "type", "tenant"):
        fields.text(said)
    domain = data.text("domain") or ""
    subject = _subject(data, domain)
    common: dict[str, Any] = {
        "severity_id": severity_id,
        "time": time,
        "message": f"{text}: {subject}" if subject else text,
        "metadata": Metadata(
            original_event_uid=event_id,
            original_time=written,
            correlation_uid=f"{name.partition('.')[0]}/{subject or event_id}",
        ),
        "actor": _actor(data),
    }
    event = make(_Said(data, common, subject, domain))
    if domain:
        data.leave("domain", domain)
    left = data.unmapped() or {}
    outer = fields.unmapped()
    event.unmapped = ({**left, "envelope": outer} if outer else left) or None
    return Mapped(kind="event", key=(event_id,), event=event, domain=(_home(data) or domain).lower())


def _home(data: Fields) -> str:
    """The domain of the core that it belongs to, where it names one below: it is shown and hidden by that."""
    home = data.peek("home")
    return home if isinstance(home, str) else ""


_SUBJECTS = ("address", "username", "user", "name", "item", "selector", "ip", "node_id", "webhook", "id")


def _subject(data: Fields, domain: str) -> str:
    """What it is about, looked at, not taken."""
    found = (data.peek(name) for name in _SUBJECTS)
    own = next((value for value in found if isinstance(value, str) and value), "")
    return own or domain


def _actor(data: Fields) -> Actor | None:
    inner = data.inner("actor")
    name, kind = inner.text("name"), inner.text("type")
    uid = inner.text("key_prefix")
    if not (name or uid):
        inner.leave("type", kind)
        return None
    user = User(name=name, uid=uid[:20] if uid else None)
    if kind is not None:
        user.type_id, user.type = (3, "System") if kind == "system" else (OTHER, kind)
    if (ip := inner.text("ip")) is not None:
        data.leave("actor_ip", ip)
    return Actor(user=user)


def _mail(
    activity_id: int, activity: str, action_id: int, disposition_id: int, *, failed: str | None = None
) -> _Make:
    """`failed`: what it tells of did not succeed, and this field says why."""

    def make(said: _Said) -> OcsfEvent:
        data = said.data
        written = data.text("sender")
        sender = email_t(written) if written else None
        if sender != written:
            data.leave("sender", written)
        addressed = data.strings("recipients", "recipient")
        recipients, other = split_addresses(addressed)
        data.leave("recipients", other)
        email = Email(
            from_=sender,
            to=recipients,
            subject=data.text("subject"),
            message_uid=data.text("message_id"),
            size=data.integer("size_bytes", "size"),
        )
        source = _endpoint(data, "client_ip")
        return email_activity(
            activity_id,
            activity_name=activity,
            action_id=action_id,
            disposition_id=disposition_id,
            direction_id=1,
            status_detail=data.text(failed or "reason"),
            from_=sender,
            to=recipients or None,
            email=email,
            src_endpoint=source,
            **({"status_id": _FAILURE} if failed else {}),
            **said.common,
        )

    return make


def _endpoint(data: Fields, name: str) -> Endpoint | None:
    written = data.text(name)
    address = ip_t(written) if written else None
    if address is None:
        data.leave(name, written)
        return None
    return Endpoint(ip=address)


def _thing(activity_id: int, kind: str) -> _Make:
    def make(said: _Said) -> OcsfEvent:
        entity = ManagedEntity(type_id=OTHER, type=kind, name=said.subject or kind)
        return entity_management(activity_id, entity=entity, status_id=_SUCCESS, **said.common)

    return make


def _compliance(control: str, *, well: bool = False) -> _Make:
    def make(said: _Said) -> OcsfEvent:
        uid = f"{control}/{said.subject or 'core'}"
        return compliance_finding(
            _CLOSE if well else _CREATE,
            status_id=_RESOLVED if well else _NEW,
            finding_info=FindingInfo(uid=uid, title=control),
            compliance=Compliance(control=control, status_id=1 if well else _FAIL),
            **said.common,
        )

    return make


def _detection(title: str, *, well: bool = False) -> _Make:
    def make(said: _Said) -> OcsfEvent:
        return detection_finding(
            _CLOSE if well else _CREATE,
            status_id=_RESOLVED if well else _NEW,
            is_alert=not well,
            finding_info=FindingInfo(uid=f"{title}/{said.subject or 'core'}", title=title),
            **said.common,
        )

    return make


def _service(activity_id: int) -> _Make:
    return lambda said: application_lifecycle(activity_id, app=PRODUCT, **said.common)


def _login(status_id: int) -> _Make:
    def make(said: _Said) -> OcsfEvent:
        actor = said.common["actor"]
        user = (
            actor.user
            if actor is not None and actor.user is not None
            else User(name=said.subject or "unknown")
        )
        return authentication(
            _LOGON, user=user, service=Service(name="mxhub core"), status_id=status_id, **said.common
        )

    return make


_RELEASE = _mail(OTHER, "Release", 4, 9)
_TABLE: Mapping[str, tuple[str, int, _Make]] = {
    "verdict.created": ("A message was judged", 1, _mail(3, "Scan", 3, 17)),
    "message.failed": ("A message was not delivered", 3, _mail(1, "Send", 3, 17, failed="fate_detail")),
    "quarantine.added": ("Message quarantined", 3, _mail(3, "Scan", 2, 3)),
    "quarantine.released": ("Message released from quarantine", 1, _RELEASE),
    "quarantine.discarded": ("Message discarded from quarantine", 1, _mail(OTHER, "Discard", 2, 5)),
    "quarantine.reported_spam": ("Held message reported as spam", 2, _mail(OTHER, "Report", 3, 17)),
    "quarantine.retrained": ("Classifier taught with a held message", 1, _mail(OTHER, "Retrain", 3, 17)),
    "quarantine.expired": ("Held message expired", 1, _mail(OTHER, "Expire", 2, 5)),
    "misclassification.reported": ("A verdict was reported as wrong", 2, _mail(OTHER, "Report", 3, 17)),
    "reputation.threshold_crossed": (
        "Reputation of a sender crossed a threshold",
        4,
        _detection("Sender reputation"),
    ),
    "license.changed": ("Licence changed", 2, _service(_UPDATE)),
    "cluster.node_joined": ("A node joined", 1, _service(_START)),
    "cluster.node_left": ("A node left", 3, _service(_STOP)),
    "dkim.rotation_due": ("A DKIM key is due for rotation", 2, _compliance("DKIM key rotation")),
    "cert.expiring": ("A certificate comes to its end", 3, _compliance("Certificate validity")),
    "cert.resolved": (
        "A certificate was renewed or removed",
        1,
        _compliance("Certificate validity", well=True),
    ),
    "domain.created": ("A domain was added", 1, _thing(_MADE, "Domain")),
    "domain.updated": ("A domain was changed", 1, _thing(_CHANGED, "Domain")),
    "domain.deleted": ("A domain was removed", 3, _thing(_REMOVED, "Domain")),
    "domain.verified": ("A domain was verified", 1, _thing(_CHANGED, "Domain")),
    "domain.scan.completed": ("A domain was scanned", 1, _thing(_READ, "Domain")),
    "dns.health_alert": ("A domain's records are in trouble", 3, _compliance("DNS health")),
    "dns.health_recovered": ("A domain's records are well again", 1, _compliance("DNS health", well=True)),
    "dns.fix": ("A domain's records were written", 2, _thing(_CHANGED, "DNS records")),
    "dns.fix_bulk": ("Records of many domains were written", 3, _thing(_CHANGED, "DNS records")),
    "dmarc.policy_changed": ("A DMARC policy was changed", 2, _thing(_CHANGED, "DMARC policy")),
    "dmarc.drift_alert": ("A DMARC record is not what it should be", 3, _compliance("DMARC policy")),
    "dmarc.drift_recovered": (
        "A DMARC record is again what it should be",
        1,
        _compliance("DMARC policy", well=True),
    ),
    "alert.triggered": ("An alert rule triggered", 4, _detection("Alert rule")),
    "alert.resolved": ("An alert is over", 1, _detection("Alert rule", well=True)),
    "report.received": ("A DMARC report came in", 1, _thing(_MADE, "DMARC report")),
    "rule.added": ("A list entry was added", 1, _thing(_MADE, "List entry")),
    "rule.updated": ("A list entry was changed", 1, _thing(_CHANGED, "List entry")),
    "rule.removed": ("A list entry was removed", 2, _thing(_REMOVED, "List entry")),
    "login_link.created": ("A login link was made", 3, _thing(_MADE, "Login link")),
    "api_key.created": ("An API key was made", 3, _thing(_MADE, "API key")),
    "api_key.updated": ("An API key was changed", 2, _thing(_CHANGED, "API key")),
    "api_key.revoked": ("An API key was revoked", 2, _thing(_CHANGED, "API key")),
    "api_key.deleted": ("An API key was deleted", 2, _thing(_REMOVED, "API key")),
    "auth.login": ("Somebody signed in", 1, _login(_SUCCESS)),
    "auth.login_failed": ("Somebody was refused", 3, _login(_FAILURE)),
    "mailbox.created": ("A mailbox was made", 1, _thing(_MADE, "Mailbox")),
    "mailbox.updated": ("A mailbox was changed", 1, _thing(_CHANGED, "Mailbox")),
    "mailbox.deleted": ("A mailbox was removed", 3, _thing(_REMOVED, "Mailbox")),
    "mailbox.password_reset": ("A mailbox has another password", 2, _thing(_CHANGED, "Mailbox")),
    "mailbox.quota_alert": ("A mailbox is nearly full", 3, _detection("Mailbox storage")),
    "mailbox.quota_recovered": ("A mailbox has room again", 1, _detection("Mailbox storage", well=True)),
    "mailbox.send_limit_alert": (
        "A mailbox has nearly sent what it may in a day",
        3,
        _detection("Mailbox send limit"),
    ),
    "mailbox.send_limit_recovered": (
        "A mailbox may send again",
        1,
        _detection("Mailbox send limit", well=True),
    ),
    "forwarder.created": ("A forwarder was made", 2, _thing(_MADE, "Forwarder")),
    "forwarder.deleted": ("A forwarder was removed", 1, _thing(_REMOVED, "Forwarder")),
    "catch_all.updated": ("A catch-all was changed", 2, _thing(_CHANGED, "Catch-all")),
    "webhook.disabled": ("A webhook was disabled after long failure", 3, _service(_STOP)),
    "webhook.test": ("A webhook was tried", 1, _thing(_READ, "Webhook")),
}
EVENTS: Mapping[str, Mapper] = {
    name: partial(_map, name, text, severity_id, make) for name, (text, severity_id, make) in _TABLE.items()
}
