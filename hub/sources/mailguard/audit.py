"""Entries of MailGuard's audit log (`GET /audit/logs`), coded `audit.<action>`.

The set of actions is open: `audit_classes` decides the class by resource and verb. An entry always stays
its own event, `(audit, node, id)`; `correlation_uid` is its resource, as in the webhook about the same.
"""

from hashlib import sha256
from typing import Any

import msgspec

from hub.model.addresses import domain_of, email_t
from hub.model.ocsf_classes import OBSERVABLES, OTHER
from hub.model.ocsf_objects import Metadata, Observable
from hub.sdk.payload import Fields
from hub.sdk.source import Mapped, Payload
from hub.sources.mailguard.audit_classes import FAILURE, Entry, event_of
from hub.sources.mailguard.envelope import PRODUCT, TIME_FIELDS, actor_of

__all__ = ["FAMILY", "audit_code", "map_audit"]

FAMILY = "audit"
_SUCCESS = 1
_RESULTS = {"success": _SUCCESS, "ok": _SUCCESS, "failure": FAILURE, "failed": FAILURE, "denied": FAILURE}
_ALARMING = ("brute_force", "hijack", "locked", "rate_limit")


def audit_code(payload: Payload) -> str:
    """`audit.quarantine.release` for an entry of the page."""
    action = payload.get("action") or payload.get("event")
    return f"{FAMILY}.{action}" if isinstance(action, str) and action else FAMILY


def map_audit(payload: Payload) -> Mapped:
    """Map one entry. Raises `ValueError` when it names no action."""
    entry, key = _read(payload)
    event = event_of(entry)
    event.unmapped = entry.fields.unmapped()
    return Mapped(kind="audit", key=key, event=event, domain=_domain(entry))


def _read(payload: Payload) -> tuple[Entry, tuple[str, str]]:
    fields = Fields(payload)
    vendor_id, node = fields.text("id", "entry_id"), fields.text("node_id", "node") or ""
    # An entry without an id is what it says, so two that say the same are one.
    key = (node, vendor_id or f"sha256:{_digest(payload)}")
    action = fields.text("action", "event")
    if action is None:
        raise ValueError("an audit entry without action")
    noun, _, verb = action.lower().partition(".")
    time, written = fields.time(*TIME_FIELDS)
    actor, source = actor_of(fields)
    resource = fields.text("resource") or ""
    fields.text("resource_type")
    sound = fields.peek("integrity") != "violation"
    if sound:
        fields.text("integrity")
    result = fields.text("result", "status")
    status_id = _RESULTS.get(result.lower(), OTHER) if result else None
    common: dict[str, Any] = {
        "time": time,
        "message": f"{action} {resource}".strip() + ("" if sound else " (integrity violation)"),
        "metadata": Metadata(
            product=PRODUCT,
            original_event_uid=vendor_id,
            original_time=written,
            correlation_uid=resource or None,
        ),
        "observables": _observables(fields.peek("details")),
    }
    if status_id is not None:
        common |= {"status_id": status_id} | ({"status": result} if status_id == OTHER else {})
    severity = 4 if not sound else 3 if any(word in action for word in _ALARMING) else 1
    entry = Entry(
        fields, action, noun, verb, resource, actor, source, fields.inner("details"), severity, common
    )
    if node:
        fields.leave("node_id", node)
    return entry, key


def _digest(payload: Payload) -> str:
    return sha256(msgspec.json.encode(payload, order="sorted")).hexdigest()


def _observables(details: Any) -> list[Observable] | None:
    """The message that an entry speaks of, so that a search for it finds the entry."""
    if not isinstance(details, dict):
        return None
    found = []
    message_id, sender = details.get("message_id"), details.get("sender")
    if isinstance(message_id, str) and message_id:
        number = OBSERVABLES["message_uid"]
        found.append(
            Observable(
                name="unmapped.details.message_id", type="Message UID", type_id=number, value=message_id
            )
        )
    if isinstance(sender, str) and email_t(sender) == sender:
        number = OBSERVABLES["email_address"]
        found.append(
            Observable(name="unmapped.details.sender", type="Email Address", type_id=number, value=sender)
        )
    return found or None


def _domain(entry: Entry) -> str:
    """The mail domain an entry is about: said so, the first recipient's, or that of a domain's own entry."""
    said = entry.details.peek("domain")
    if isinstance(said, str):
        return said.lower()
    recipients = entry.details.peek("recipients", "recipient")
    first = recipients[0] if isinstance(recipients, list) and recipients else recipients
    if isinstance(first, str) and "@" in first:
        return domain_of(first)
    parts = entry.resource.split("/")
    return parts[1].lower() if parts[0] in {"domain", "dkim", "dmarc"} and len(parts) > 1 else ""
