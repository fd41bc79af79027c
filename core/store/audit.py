"""The audit log: append-only, each entry sealed with an HMAC over itself and the one before it, read by time.

Every tenant has a chain of its own. Entries are numbered per node too: a node that is away takes no part in
a read, so its entries appear late, with the times at which they happened (as NetCell's audit log page says).
"""

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta, order
from core.store.tables import audit_entries, audit_heads, cluster_nodes
from core.store.tenancy import OPERATOR
from hub.sql import upsert
from hub.sql.columns import writable

__all__ = ["Actor", "Entry", "Position", "Query", "append", "page", "prune"]


_entry = audit_entries.c
_SEALED = (
    *("tenant", "seq", "node_id", "number", "at_ms", "actor_type", "actor", "key_prefix", "ip"),
    *("action", "resource_type", "resource", "domain", "result", "details", "prev_hash"),
)
_KEY = "audit_key"
_PLACE = tuple_(_entry.at_ms, _entry.node_id, _entry.number)


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
    tenant: str = OPERATOR


async def append(tx: AsyncConnection, node_id: str, at_ms: int, note: Note) -> str:
    """Write one entry and return its id, `node-1:184223`."""
    await order.in_commit_order(tx)
    number = await meta.count_up(tx, f"audit:{node_id}")
    seq, prev_hash = await _next(tx, note.tenant)
    row: dict[str, Any] = {
        "tenant": note.tenant,
        "seq": seq,
        "node_id": node_id,
        "number": number,
        "at_ms": at_ms,
        "actor_type": note.actor.type,
        "actor": writable(note.actor.name),
        "key_prefix": note.actor.key_prefix or "",
        "ip": note.actor.ip or "",
        "action": note.action,
        "resource_type": writable(note.resource.partition("/")[0]),
        "resource": writable(note.resource),
        "domain": note.domain,
        "result": note.result,
        "details": note.details,
        "prev_hash": prev_hash,
    }
    seal = _seal(await meta.secret(tx, _KEY), row)
    await tx.execute(insert(audit_entries).values(id=f"{node_id}:{number}", hash=seal, **row))
    await tx.execute(update(audit_heads).where(audit_heads.c.tenant == note.tenant).values(hash=seal))
    return f"{node_id}:{number}"


async def page(tx: AsyncConnection, query: Query, after: Position | None, limit: int) -> list[Entry]:
    """Up to `limit` entries of the nodes that can be reached, oldest first, after a position."""
    where = _conditions(query)
    if after is not None:
        where.append(tuple_(after.at_ms, after.node_id, after.number) < _PLACE)
    reachable = _entry.node_id.in_(select(cluster_nodes.c.id).where(cluster_nodes.c.present))
    rows = await tx.execute(
        select(audit_entries).where(reachable, *where).order_by(*_PLACE.clauses).limit(limit)
    )
    key = bytes.fromhex(await meta.get(tx, _KEY) or "")
    return [_as_entry(row, key) for row in rows.mappings()]


async def prune(tx: AsyncConnection, before_ms: int) -> int:
    """Delete what is older than the retention: a beginning of each chain, never its newest entry."""
    done = 0
    for head in (await tx.execute(select(audit_heads))).all():
        kept = select(func.min(_entry.seq)).where(_entry.tenant == head.tenant, _entry.at_ms >= before_ms)
        first = (await tx.execute(kept)).scalar_one_or_none() or head.seq
        if first > head.pruned + 1:
            done += await _prune(tx, head.tenant, first, before_ms)
    return done


async def _prune(tx: AsyncConnection, tenant: str, first: int, before_ms: int) -> int:
    """Delete the entries before number `first`; the hash that it continues stays with the head."""
    await meta.put(tx, "audit_kept_since_ms", str(before_ms))
    last = select(_entry.hash).where(_entry.tenant == tenant, _entry.seq == first - 1)
    state = {"pruned": first - 1, "pruned_hash": (await tx.execute(last)).scalar_one()}
    await tx.execute(update(audit_heads).where(audit_heads.c.tenant == tenant).values(**state))
    gone = await tx.execute(delete(audit_entries).where(_entry.tenant == tenant, _entry.seq < first))
    return gone.rowcount


async def _next(tx: AsyncConnection, tenant: str) -> tuple[int, str]:
    """The number of the tenant's next entry, and the hash of the one before it (nothing before the first)."""
    new = upsert.insert(tx, audit_heads).values(tenant=tenant, seq=1, hash="")
    moved = new.on_conflict_do_update(index_elements=["tenant"], set_={"seq": audit_heads.c.seq + 1})
    row = (await tx.execute(moved.returning(audit_heads.c.seq, audit_heads.c.hash))).one()
    return row.seq, row.hash


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (query.from_ms, _entry.at_ms.__ge__),
        (query.to_ms, _entry.at_ms.__le__),
        (query.actor, _entry.actor.__eq__),
        (query.domain, _entry.domain.__eq__),
    )
    where = [compare(value) for value, compare in table if value is not None]
    asked = query.resource
    if asked is not None:
        below = and_(_entry.resource > asked + "/", _entry.resource < asked + "0")
        where.append(or_(_entry.resource_type == asked, _entry.resource == asked, below))
    return where


def _as_entry(row: RowMapping, key: bytes) -> Entry:
    actor = {"type": row["actor_type"], "name": row["actor"]}
    return Entry(
        position=Position(row["at_ms"], row["node_id"], row["number"]),
        actor={**actor, "key_prefix": row["key_prefix"] or None, "ip": row["ip"] or None},
        action=row["action"],
        resource=row["resource"],
        resource_type=row["resource_type"],
        result=row["result"],
        details=row["details"],
        sealed=hmac.compare_digest(_seal(key, {name: row[name] for name in _SEALED}), row["hash"]),
    )


def _seal(key: bytes, row: Mapping[str, Any]) -> str:
    body = json.dumps([row[name] for name in _SEALED], sort_keys=True, separators=(",", ":"))
    return hmac.new(key, body.encode(), sha256).hexdigest()
