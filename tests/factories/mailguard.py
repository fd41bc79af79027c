"""What MailGuard sends: webhook bodies, audit entries, held messages."""

from typing import Any

__all__ = ["audit_entry", "held", "webhook"]

ACTOR = {"type": "user", "name": "admin", "key_prefix": None, "ip": "198.51.100.7"}


def held(**over: Any) -> dict[str, Any]:
    """A held message as `GET /mail/quarantine` lists it."""
    return {
        "node_id": "node-1",
        "queue_id": "4F2A8C0D",
        "sender": "billing@phish.example",
        "recipients": ["anna@customer.example", "ben@customer.example"],
        "subject": "Invoice overdue",
        "score": 14.7,
        "symbols": ["FISHY_TLD", "RBL_HIT"],
        "reason": "phishing",
        "size_bytes": 12483,
        "arrived_at": "2026-05-01T07:42:13Z",
    } | over


def webhook(event: str, data: dict[str, Any] | None = None, **over: Any) -> dict[str, Any]:
    """A webhook's body."""
    return {
        "id": "evt_01HV9",
        "event": event,
        "timestamp": "2026-05-01T07:42:14.512Z",
        "node_id": "node-1",
        "data": held() if data is None else data,
    } | over


def audit_entry(action: str, resource: str = "", **over: Any) -> dict[str, Any]:
    """An entry of `GET /audit/logs`."""
    return {
        "id": "node-1:184223",
        "node_id": "node-1",
        "timestamp": "2026-05-01T08:00:00.250Z",
        "actor": ACTOR,
        "action": action,
        "resource": resource,
        "resource_type": resource.partition("/")[0],
        "result": "success",
        "details": {},
        "integrity": "ok",
    } | over
