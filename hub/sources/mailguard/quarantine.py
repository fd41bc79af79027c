"""Quarantine events: the webhooks `quarantine.*` and the items of `GET /mail/quarantine`.

The same held message seen by webhook and by poll is one event: its identity is node, queue id, arrival (in
whole seconds; Postfix reuses short queue ids) and state. Fields: docs.netcell-mailguard.de/en/api/quarantine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from hub.model.addresses import domain_of, email_t, ip_t, split_addresses
from hub.model.ocsf import email_activity
from hub.model.ocsf_classes import OBSERVABLES, OTHER
from hub.model.ocsf_objects import Device, Email, EmailAuth, Endpoint, Observable
from hub.sdk.payload import Fields
from hub.sdk.source import Mapped, Mapper, Payload
from hub.sdk.times import whole_seconds
from hub.sources.mailguard.envelope import Envelope, actor_of

__all__ = ["QUARANTINE", "correlation"]

_ARRIVED = ("arrived_at", "received_at", "arrival_time")
_DANGEROUS = {"phishing", "sandbox", "malware", "virus"}
_AUTH = {"auth", "email_auth", "spf", "dkim", "dmarc"}
_DIRECTIONS = {"inbound": 1, "outbound": 2, "internal": 3}


@dataclass(frozen=True, slots=True)
class _State:
    """What became of the message, and how OCSF says it."""

    name: str
    activity_id: int
    activity_name: str
    action_id: int
    disposition_id: int
    severity_id: int
    severity_if_dangerous: int
    message: str
    is_alert: bool | None = None


_ADDED = _State("added", 3, "Scan", 2, 3, 3, 4, "Message quarantined", is_alert=True)
_RELEASED = _State("released", OTHER, "Release", 4, 9, 1, 2, "Message released from quarantine")
_DISCARDED = _State("discarded", OTHER, "Discard", 2, 5, 1, 1, "Message discarded from quarantine")


def correlation(node: str, queue_id: str) -> str:
    """The resource notation of MailGuard's audit log, so that entries and webhooks about one message meet."""
    return f"quarantine/{node}/{queue_id}"


def _map(state: _State, payload: Payload) -> Mapped:
    envelope = Envelope(payload)
    data = envelope.data
    queue_id = _queue_id(data)
    key = (envelope.node, queue_id, _arrival(envelope, state), state.name)
    metadata = envelope.metadata(correlation(envelope.node, queue_id))
    metadata.original_event_uid = metadata.original_event_uid or f"{envelope.node}/{queue_id}"
    sender, recipients, domain = _addresses(data)
    reason = data.peek("reason")
    source = _client(data)
    actor, _ = actor_of(data)
    event = email_activity(
        state.activity_id,
        activity_name=state.activity_name,
        severity_id=state.severity_if_dangerous if _is_dangerous(reason) else state.severity_id,
        time=envelope.time,
        metadata=metadata,
        message=state.message,
        action_id=state.action_id,
        disposition_id=state.disposition_id,
        is_alert=state.is_alert,
        direction_id=_DIRECTIONS.get(data.text("direction") or "inbound", 0),
        status_detail=data.text("reason"),
        from_=sender,
        to=recipients or None,
        email=_email(data, sender, recipients),
        email_auth=_auth(data),
        src_endpoint=source,
        actor=actor,
        device=Device(type_id=1, type="Server", hostname=envelope.node) if envelope.node else None,
        observables=_observables(sender, source),
    )
    event.unmapped = envelope.unmapped()
    return Mapped(kind="quarantine", key=key, event=event, domain=domain)


def _is_dangerous(reason: object) -> bool:
    return isinstance(reason, str) and reason.lower() in _DANGEROUS


def _queue_id(data: Fields) -> str:
    """Looked at, not taken: actions on the message need it under the vendor's name."""
    queue_id = data.peek("queue_id", "queueId")
    if type(queue_id) not in (str, int) or queue_id == "":
        raise ValueError("a quarantine event without queue_id")
    return str(queue_id)


def _arrival(envelope: Envelope, state: _State) -> str:
    """Take the arrival, part of the identity; it is also when the message was held (not: released)."""
    said = envelope.data.peek(*_ARRIVED)
    arrived, written = envelope.data.time(*_ARRIVED)
    if arrived is None or written is None:
        return str(said) if said else envelope.occurrence()
    if state is _ADDED or envelope.time is None:
        if envelope.wrapped:
            envelope.fields.leave("timestamp", envelope.written_time)
        envelope.time, envelope.written_time = arrived, written
    else:
        envelope.data.leave(_ARRIVED[0], said)
    return whole_seconds(arrived, written)


def _addresses(data: Fields) -> tuple[str | None, list[str], str]:
    """`(sender, recipients, domain)`; what is no `email_t` goes back to what is unmapped."""
    written = data.text("sender", "from", "mail_from", "envelope_from")
    sender = email_t(written) if written else None
    if sender != written:
        data.leave("sender", written)
    addressed = data.strings("recipients", "to", "recipient", "rcpt_to")
    recipients, other = split_addresses(addressed)
    data.leave("recipients", other)
    domain = data.text("domain") or domain_of((recipients or addressed or [""])[0])
    return sender, recipients, domain.lower()


def _email(data: Fields, sender: str | None, recipients: list[str]) -> Email:
    return Email(
        from_=sender,
        to=recipients,
        subject=data.text("subject"),
        message_uid=data.text("message_id", "message-id"),
        size=data.integer("size_bytes", "size"),
    )


def _auth(data: Fields) -> EmailAuth | None:
    if _AUTH.isdisjoint(data.rest):
        return None
    nested = next((name for name in ("auth", "email_auth") if name in data.rest), None)
    found = data.inner(nested) if nested else data
    auth = EmailAuth(
        spf=found.text("spf"),
        dkim=found.text("dkim"),
        dkim_domain=found.text("dkim_domain"),
        dmarc=found.text("dmarc"),
        dmarc_policy=found.text("dmarc_policy"),
    )
    return auth if auth.spf or auth.dkim or auth.dmarc else None


def _client(data: Fields) -> Endpoint | None:
    written = data.text("client_ip", "source_ip", "ip")
    address = ip_t(written) if written else None
    if address is None:
        data.leave("client_ip", written)
        return None
    return Endpoint(ip=address)


def _observables(sender: str | None, source: Endpoint | None) -> list[Observable] | None:
    found = []
    if sender:
        kind = OBSERVABLES["email_address"]
        found.append(Observable(name="from", type="Email Address", type_id=kind, value=sender))
    if source and source.ip:
        kind = OBSERVABLES["ip"]
        found.append(Observable(name="src_endpoint.ip", type="IP Address", type_id=kind, value=source.ip))
    return found or None


QUARANTINE: Mapping[str, Mapper] = {
    f"quarantine.{state.name}": partial(_map, state) for state in (_ADDED, _RELEASED, _DISCARDED)
}
