"""Held messages: their listing data and their bytes, until they are released or discarded."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.store.clock import iso_seconds

__all__ = ["Filter", "Held", "add", "count", "discard_row", "find", "page"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message in quarantine. `queue_id` is unique on its node while it is held, and reused later."""

    node_id: str
    queue_id: str
    domain: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    client_ip: str
    score: float
    symbols: tuple[str, ...]
    reason: str
    size_bytes: int
    arrived_ms: int

    def as_dict(self) -> dict[str, Any]:
        """The item as MailGuard's quarantine page shows it, and what else the filter knows."""
        return {
            "node_id": self.node_id,
            "queue_id": self.queue_id,
            "sender": self.sender,
            "recipients": list(self.recipients),
            "subject": self.subject,
            "score": self.score,
            "symbols": list(self.symbols),
            "reason": self.reason,
            "size_bytes": self.size_bytes,
            "arrived_at": iso_seconds(self.arrived_ms),
            "domain": self.domain,
            "message_id": self.message_id,
            "client_ip": self.client_ip,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a listing is narrowed to; bounds are inclusive, `sender` is an address or a domain."""

    domain: str | None = None
    sender: str | None = None
    since_ms: int | None = None
    min_score: float | None = None
    max_score: float | None = None
    reason: str | None = None


_COLUMNS = (
    "node_id, queue_id, domain, sender, recipients, subject, message_id, client_ip, score, symbols, reason,"
    " size_bytes, arrived_ms"
)
_REACHABLE = "node_id IN (SELECT id FROM node WHERE present = 1)"


def add(db: sqlite3.Connection, held: Held, body: bytes) -> None:
    """Keep a message. Raises `sqlite3.IntegrityError` when the node holds one under the same queue id."""
    db.execute(
        f"INSERT INTO quarantine ({_COLUMNS}, body) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608 -- constant
        (
            held.node_id,
            held.queue_id,
            held.domain,
            held.sender,
            json.dumps(held.recipients),
            held.subject,
            held.message_id,
            held.client_ip,
            held.score,
            json.dumps(held.symbols),
            held.reason,
            held.size_bytes,
            held.arrived_ms,
            body,
        ),
    )


def page(db: sqlite3.Connection, narrow: Filter, *, limit: int, offset: int) -> list[Held]:
    """Held messages on nodes that can be reached, newest first."""
    where, values = _conditions(narrow)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM quarantine WHERE {' AND '.join([_REACHABLE, *where])}"  # noqa: S608 -- own text only
        " ORDER BY arrived_ms DESC, id DESC LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    return [_held(row) for row in rows]


def find(db: sqlite3.Connection, node_id: str, queue_id: str) -> tuple[Held, bytes] | None:
    """A held message and its bytes."""
    row = db.execute(
        f"SELECT {_COLUMNS}, body FROM quarantine WHERE node_id = ? AND queue_id = ?",  # noqa: S608 -- constant
        (node_id, queue_id),
    ).fetchone()
    return None if row is None else (_held(row), bytes(row["body"]))


def discard_row(db: sqlite3.Connection, node_id: str, queue_id: str) -> None:
    """The message is no longer held."""
    db.execute("DELETE FROM quarantine WHERE node_id = ? AND queue_id = ?", (node_id, queue_id))


def count(db: sqlite3.Connection) -> int:
    """How many messages are held."""
    return int(db.execute("SELECT COUNT(*) FROM quarantine").fetchone()[0])


def _conditions(narrow: Filter) -> tuple[list[str], Sequence[Any]]:
    table = (
        ("domain = ?", narrow.domain),
        ("arrived_ms >= ?", narrow.since_ms),
        ("score >= ?", narrow.min_score),
        ("score <= ?", narrow.max_score),
        ("reason = ?", narrow.reason),
    )
    where = [condition for condition, value in table if value is not None]
    values: list[Any] = [value for _, value in table if value is not None]
    if narrow.sender is not None:
        where.append("(sender = ? OR substr(sender, -length(?)) = ?)")
        tail = "@" + narrow.sender.lstrip("@")
        values += [narrow.sender, tail, tail]
    return where, values


def _held(row: sqlite3.Row) -> Held:
    fields = {name: row[name] for name in row.keys() if name != "body"}  # noqa: SIM118 -- a Row iterates values
    fields["recipients"] = tuple(json.loads(fields["recipients"]))
    fields["symbols"] = tuple(json.loads(fields["symbols"]))
    return Held(**fields)
