"""Webhooks about the installation itself: sender reputation, licence, cluster, DKIM keys, certificates."""

from collections.abc import Mapping
from functools import partial

from hub.model.addresses import ip_t
from hub.model.ocsf import application_lifecycle, compliance_finding, detection_finding
from hub.model.ocsf_classes import OBSERVABLES
from hub.model.ocsf_objects import (
    Analytic,
    Compliance,
    Device,
    Endpoint,
    Evidence,
    FindingInfo,
    Observable,
    Resource,
)
from hub.sdk.source import Mapped, Mapper, Payload
from hub.sdk.times import seconds_key
from hub.sources.mailguard.envelope import PRODUCT, Envelope, actor_of

__all__ = ["ESTATE"]

_CREATE, _CLOSE = 1, 3
_NEW, _RESOLVED = 1, 4
_START, _STOP, _UPDATE = 3, 4, 8
_WARNING, _FAIL = 2, 3
_RECOVERED = {"unlisted", "recovered", "above", "up"}
_URGENT_DAYS = 7
_DAY_MS = 86_400_000


def _reputation(payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    data = envelope.data
    written = data.text("ip", "ip_address", "sender_ip")
    if written is None:
        raise ValueError("a reputation event without ip")
    direction = data.peek("direction")
    better = direction in _RECOVERED
    correlation = f"reputation/{written}"
    address = ip_t(written)
    source = Endpoint(ip=address) if address else Endpoint(name=written)
    actor, _ = actor_of(data)
    event = detection_finding(
        _CLOSE if better else _CREATE,
        severity_id=1 if better else 4,
        time=envelope.time,
        metadata=envelope.metadata(correlation),
        message=f"Reputation of sender {written} {'recovered' if better else 'crossed a threshold'}",
        action_id=3,
        disposition_id=19,
        is_alert=not better,
        status_id=_RESOLVED if better else _NEW,
        finding_info=FindingInfo(
            uid=correlation,
            title="Sender reputation crossed a threshold",
            types=["reputation"],
            analytic=Analytic(type_id=3, type="Statistical", name="sender reputation"),
        ),
        evidences=[Evidence(src_endpoint=source)],
        observables=_ip_observable(address),
    )
    if actor and actor.user:
        data.leave("actor", actor.user.name)
    event.unmapped = envelope.unmapped()
    state = direction if isinstance(direction, str) else "crossed"
    return Mapped(kind="reputation", key=(written, state, envelope.occurrence()), event=event)


def _ip_observable(address: str | None) -> list[Observable] | None:
    if address is None:
        return None
    name = "evidences.src_endpoint.ip"
    return [Observable(name=name, type="IP Address", type_id=OBSERVABLES["ip"], value=address)]


def _license(payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    actor, _ = actor_of(envelope.data)
    tier, old = envelope.data.peek("tier"), envelope.data.peek("previous_tier")
    event = application_lifecycle(
        _UPDATE,
        severity_id=1,
        time=envelope.time,
        metadata=envelope.metadata("license"),
        message=f"Licence changed from {old} to {tier}" if tier != old else f"Licence refreshed ({tier})",
        status_id=1,
        app=PRODUCT,
        actor=actor,
    )
    event.unmapped = envelope.unmapped()
    return Mapped(kind="license", key=(envelope.node, envelope.occurrence()), event=event)


def _node(state: str, payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    data = envelope.data
    node = envelope.node or data.text("name", "hostname")
    if not node:
        raise ValueError("a cluster event without node_id")
    written = data.text("address", "ip")
    address = ip_t(written) if written else None
    if address is None:
        data.leave("address", written)
    actor, _ = actor_of(data)
    event = application_lifecycle(
        _START if state == "joined" else _STOP,
        severity_id=1 if state == "joined" else 3,
        time=envelope.time,
        metadata=envelope.metadata(f"cluster/{node}"),
        message=f"Node {node} {state} the cluster",
        app=PRODUCT,
        actor=actor,
        device=Device(type_id=1, type="Server", hostname=node, ip=address),
    )
    event.unmapped = envelope.unmapped()
    return Mapped(kind="cluster", key=(node, state, envelope.occurrence()), event=event)


def _dkim(payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    data = envelope.data
    domain, selector = data.text("domain"), data.text("selector") or ""
    if domain is None:
        raise ValueError("a DKIM event without domain")
    correlation = f"dkim/{domain}/{selector}"
    data.leave("selector", selector)
    event = compliance_finding(
        _CREATE,
        severity_id=2,
        time=envelope.time,
        metadata=envelope.metadata(correlation),
        message=f"DKIM key {selector} of {domain} is due for rotation",
        status_id=_NEW,
        finding_info=FindingInfo(uid=correlation, title="DKIM key rotation due", types=["dkim"]),
        compliance=Compliance(control="DKIM key rotation", status_id=_WARNING),
        resources=[Resource(name=domain, type="Domain")],
    )
    event.unmapped = envelope.unmapped()
    return Mapped(
        kind="dkim", key=(domain, selector, envelope.occurrence()), event=event, domain=domain.lower()
    )


def _certificate(payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    data = envelope.data
    subject, serial = data.text("subject", "common_name", "domain"), data.text("serial", "serial_number")
    if not (subject or serial):
        raise ValueError("a certificate event without subject or serial")
    expires = data.peek("not_after", "expires_at", "valid_until")
    days = _days_left(envelope)
    correlation = f"certificate/{serial or subject}"
    event = compliance_finding(
        _CREATE,
        severity_id=4 if days is not None and days < _URGENT_DAYS else 3,
        time=envelope.time,
        metadata=envelope.metadata(correlation),
        message=f"Certificate of {subject or serial} expires"
        + ("" if days is None else f" in {days} days" if days >= 0 else f" ({-days} days ago)"),
        status_id=_NEW,
        finding_info=FindingInfo(uid=correlation, title="TLS certificate expiring", types=["certificate"]),
        compliance=Compliance(
            control="TLS certificate validity", status_id=_FAIL if days is not None and days < 0 else _WARNING
        ),
        resources=[Resource(name=subject, uid=serial, type="TLS certificate")],
    )
    event.unmapped = envelope.unmapped()
    key = (serial or subject or "", seconds_key(expires) if expires else "", envelope.occurrence())
    return Mapped(kind="certificate", key=key, event=event)


def _days_left(envelope: Envelope) -> int | None:
    """As the vendor counts, else between the event and the end of validity."""
    days = envelope.data.peek("days_left", "days_remaining")
    if type(days) is int:
        return days
    expires, written = envelope.data.time("not_after", "expires_at", "valid_until")
    envelope.data.leave("not_after", written)
    if expires is None or envelope.time is None:
        return None
    return (expires - envelope.time) // _DAY_MS


ESTATE: Mapping[str, Mapper] = {
    "reputation.threshold_crossed": _reputation,
    "license.changed": _license,
    "cluster.node_joined": partial(_node, "joined"),
    "cluster.node_left": partial(_node, "left"),
    "dkim.rotation_due": _dkim,
    "cert.expiring": _certificate,
}
