"""Rows as a sandbox wrote them before the numbered revisions: schema `PRAGMA user_version = 1`."""

import hmac
import json
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from tests.factories.core import NOW_MS

AUDIT_KEY = "ab" * 32
KEY_TEXT = "nmg_" + "0f" * 32

_ACTOR = json.dumps({"type": "user", "name": "admin", "key_prefix": None, "ip": "10.0.0.5"})


def fill(connection: Connection) -> None:
    """Something of everything, one audit entry (`node-2:1`) altered after it was sealed."""
    for table, rows in _ROWS.items():
        for row in rows:
            _insert(connection, table, row)
    for node, number, at_ms, action in (("node-1", 4, 0, "a"), ("node-2", 1, 1, "b"), ("node-1", 5, 2, "c")):
        entry = _audit(node, number, NOW_MS + at_ms, action)
        if action == "b":
            entry["actor_name"] = "nobody"
        _insert(connection, "audit", entry)


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    names = ", ".join(row)
    marks = ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)


def _audit(node: str, number: int, at_ms: int, action: str) -> dict[str, Any]:
    row = {
        "node_id": node,
        "number": number,
        "at_ms": at_ms,
        "actor": _ACTOR,
        "actor_name": "admin",
        "action": action,
        "resource": "user/admin",
        "resource_type": "user",
        "domain": "",
        "result": "success",
        "details": json.dumps({"subject": "Grüße"}),
    }
    seal = hmac.new(bytes.fromhex(AUDIT_KEY), json.dumps([*row.values()]).encode(), sha256)
    return {**row, "mac": seal.hexdigest()}


def _domain(number: int, name: str, backends: list[str], **changes: Any) -> dict[str, Any]:
    plain = {
        "id": number,
        "name": name,
        "direction": "inbound",
        "active": 1,
        "backend_servers": json.dumps(backends),
        "tag_threshold": 5.0,
        "quarantine_threshold": 8.0,
        "reject_threshold": 15.0,
        "dkim_active": 1,
        "dmarc_reporting": 1,
        "tenant_id": None,
        "created_ms": NOW_MS,
        "updated_ms": NOW_MS,
    }
    return {**plain, **changes}


def _event(seq: int) -> dict[str, Any]:
    place = {"seq": seq, "id": f"evt_{seq}", "name": "cert.expiring", "at_ms": NOW_MS, "node_id": "node-1"}
    return {**place, "data": json.dumps({"n": seq})}


_ROWS: dict[str, list[dict[str, Any]]] = {
    "meta": [
        {"key": "audit_key", "value": AUDIT_KEY},
        {"key": "cursor_key", "value": "cd" * 32},
        {"key": "installed", "value": str(NOW_MS)},
        {"key": "starts", "value": "3"},
    ],
    "domain": [
        _domain(1, "acme.example", ["10.0.0.25:25", "10.0.1.25:2525"]),
        _domain(7, "nordwind.example", [], active=0, tenant_id=3),
    ],
    "quarantine": [
        {
            "id": 12,
            "node_id": "node-1",
            "queue_id": "4F2A8C0D",
            "domain": "acme.example",
            "sender": "offer@deal.top",
            "recipients": json.dumps(["grace@acme.example"]),
            "subject": "Casino bonus",
            "message_id": "<1@deal.top>",
            "client_ip": "203.0.113.7",
            "score": 14.7,
            "symbols": json.dumps(["FISHY_TLD", "RBL_HIT"]),
            "reason": "spam",
            "size_bytes": 14,
            "arrived_ms": NOW_MS,
            "body": b"Subject: x\r\n\r\n\x00\xff",
        }
    ],
    "verdict_count": [
        {"day": "2026-05-01", "domain": "acme.example", "action": "deliver", "messages": 5},
        {"day": "2026-05-01", "domain": "acme.example", "action": "quarantine", "messages": 2},
    ],
    "reputation": [{"ip": "203.0.113.7", "score": -4.5, "messages": 20, "listed": 1, "updated_ms": NOW_MS}],
    "node": [
        {"id": name, "address": "10.0.0.1", "present": 1, "heartbeat_ms": NOW_MS}
        for name in ("node-1", "node-2")
    ],
    "licence": [
        {
            "one": 1,
            "tier": "trial",
            "max_domains": 5,
            "valid_until_ms": NOW_MS,
            "refreshed_ms": 0,
            "refresh_due_ms": NOW_MS,
        }
    ],
    "dkim_key": [{"domain": "acme.example", "selector": "nmg1", "created_ms": NOW_MS, "warned": 1}],
    "certificate": [
        {"serial": "0a", "subject": "CN=mx1", "issuer": "CN=CA", "not_after_ms": NOW_MS, "warned": 0}
    ],
    "api_key": [
        {
            "id": 3,
            "name": "admin-key",
            "hash": sha256(KEY_TEXT.encode()).hexdigest(),
            "prefix": KEY_TEXT[:20],
            "scope": "full-admin",
            "domain": None,
            "rate_limit_per_minute": 100,
            "created_ms": NOW_MS,
            "expires_ms": None,
            "last_used_ms": None,
            "revoked_ms": None,
        }
    ],
    "event": [_event(40), _event(41), _event(42)],
    "endpoint": [
        {
            "id": "default",
            "url": "http://127.0.0.1/",
            "secret": "s3cret",
            "names": json.dumps(["cert.expiring"]),
            "position": 40,
            "attempts": 1,
            "due_ms": 0,
            "delivered": 38,
            "given_up": 2,
        }
    ],
}
