"""The audit log: append-only per node, each entry sealed with an HMAC, read merged by time.

A node that is away takes no part in a read, so its entries appear late, with the times at which they happened
(as NetCell's audit log page describes).
"""

import hmac
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from core.store import meta

__all__ = ["Actor", "Entry", "Position", "Query", "append", "page", "prune"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did it. `key_prefix` are the first 20 characters of the API key, where one was used."""

    type: Literal["user", "api_key", "system"]
    name: str
    key_prefix: str | None = None
    ip: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        return {"type": self.type, "name": self.name, "key_prefix": self.key_prefix, "ip": self.ip}


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the merged order; entries sort by time, then node, then number."""

    at_ms: int
    node_id: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`sealed` says whether the HMAC still holds."""

    position: Position
    actor: dict[str, Any]
    action: str
    resource: str
    resource_type: str
    result: str
    details: dict[str, Any]
    sealed: bool

    @property
    def id(self) -> str:
        return f"{self.position.node_id}:{self.position.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Bounds are inclusive; `resource` matches itself, what lies below it, or a resource type."""

    from_ms: int | None = None
    to_ms: int | None = None
    actor: str | None = None
    resource: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What happened, before it has a number."""

    actor: Actor
    action: str
    resource: str
    result: Literal["success", "failure"] = "success"
    details: dict[str, Any] = field(default_factory=dict)
    domain: str = ""


def append(db: sqlite3.Connection, node_id: str, at_ms: int, note: Note) -> str:
    """Write one entry and return its id, `node-1:184223`."""
    row = db.execute("SELECT MAX(number) AS top FROM audit WHERE node_id = ?", (node_id,)).fetchone()
    number = int(row["top"] or 0) + 1
    body = (
        node_id,
        number,
        at_ms,
        json.dumps(note.actor.as_dict()),
        note.actor.name,
        note.action,
        note.resource,
        note.resource.partition("/")[0],
        note.domain,
        note.result,
        json.dumps(note.details),
    )
    db.execute("INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", (*body, _seal(db, body)))
    return f"{node_id}:{number}"


def page(db: sqlite3.Connection, query: Query, after: Position | None, limit: int) -> list[Entry]:
    """Up to `limit` entries of the nodes that can be reached, oldest first, after a position."""
    where, values = _conditions(query)
    if after is not None:
        where.append("(at_ms, node_id, number) > (?, ?, ?)")
        values += [after.at_ms, after.node_id, after.number]
    conditions = " AND ".join(["node_id IN (SELECT id FROM node WHERE present = 1)", *where])
    sql = f"SELECT * FROM audit WHERE {conditions} ORDER BY at_ms, node_id, number LIMIT ?"  # noqa: S608 -- own text
    key = meta.secret(db, "audit_key")
    return [_entry(row, key) for row in db.execute(sql, (*values, limit))]


def prune(db: sqlite3.Connection, before_ms: int) -> int:
    """Delete what is older than the retention; the newest of each node stays, for the numbers' sake."""
    meta.put(db, "audit_kept_since_ms", str(before_ms))
    done = db.execute(
        "DELETE FROM audit WHERE at_ms < ? AND number <"
        " (SELECT MAX(number) FROM audit AS newest WHERE newest.node_id = audit.node_id)",
        (before_ms,),
    )
    return done.rowcount


def _conditions(query: Query) -> tuple[list[str], list[Any]]:
    table: Sequence[tuple[str, Sequence[Any]]] = (
        ("at_ms >= ?", [query.from_ms]),
        ("at_ms <= ?", [query.to_ms]),
        ("actor_name = ?", [query.actor]),
        ("domain = ?", [query.domain]),
    )
    where = [condition for condition, values in table if values[0] is not None]
    values = [value for _, bound in table for value in bound if value is not None]
    if query.resource is not None:
        where.append("(resource_type = ? OR resource = ? OR (resource > ? AND resource < ?))")
        values += [query.resource, query.resource, query.resource + "/", query.resource + "0"]
    return where, values


def _entry(row: sqlite3.Row, key: bytes) -> Entry:
    body = tuple(row)[:-1]
    return Entry(
        position=Position(row["at_ms"], row["node_id"], row["number"]),
        actor=json.loads(row["actor"]),
        action=row["action"],
        resource=row["resource"],
        resource_type=row["resource_type"],
        result=row["result"],
        details=json.loads(row["details"]),
        sealed=hmac.compare_digest(_mac(key, body), row["mac"]),
    )


def _seal(db: sqlite3.Connection, body: tuple[Any, ...]) -> str:
    return _mac(meta.secret(db, "audit_key"), body)


def _mac(key: bytes, body: tuple[Any, ...]) -> str:
    return hmac.new(key, json.dumps(body).encode(), sha256).hexdigest()
