"""A webhook as MailGuard sends it: JSON with an HMAC-SHA256 of the raw body in a header."""

import hmac
from hashlib import sha256

import orjson

from core.service.pusher import Push
from core.store.clock import iso_millis
from core.store.outbox import Endpoint, Event

__all__ = ["EVENT_NAMES", "SIGNATURE_HEADER", "render", "sign"]

SIGNATURE_HEADER = "X-MailGuard-Signature"
EVENT_NAMES = (
    "quarantine.added",
    "quarantine.released",
    "quarantine.discarded",
    "reputation.threshold_crossed",
    "license.changed",
    "cluster.node_joined",
    "cluster.node_left",
    "dkim.rotation_due",
    "cert.expiring",
)
"""Of the service's events those that MailGuard's REST API page lists, in its order."""
_OURS = frozenset({"id", "state", "asked_by"})
"""What only the service's own callers know a message by."""


def render(event: Event, endpoint: Endpoint) -> Push:
    """The same bytes at every try: everything in them was fixed when the event was written."""
    body = orjson.dumps(
        {
            "id": event.id,
            "event": event.name,
            "timestamp": iso_millis(event.at_ms),
            "node_id": event.node_id,
            "data": {name: value for name, value in event.data.items() if name not in _OURS},
        }
    )
    return Push(
        body=body,
        headers={
            "Content-Type": "application/json",
            "User-Agent": "MailGuard-Webhook/1.0",
            SIGNATURE_HEADER: sign(endpoint.secret, body),
        },
    )


def sign(secret: str, body: bytes) -> str:
    """`sha256=` and the lower-case hexadecimal HMAC."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
