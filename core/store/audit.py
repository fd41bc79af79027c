"""The audit log as NetCell's dialect reads it: by time, then node. The chain behind it is `core.audit`.

Entries are numbered per node too: a node that is away takes no part in
a read, so its entries appear late, with the times at which they happened (as NetCell's audit log page says).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, RowMapping, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit import entry, retention
from core.audit.chain import Chain
from core.store import meta
from core.store.tables import audit_entries, cluster_nodes
from core.store.tenancy import OPERATOR

__all__ = ["Actor", "Entry", "Note", "Position", "Query", "append", "chain", "page", "prune"]


_entry = audit_entries.c
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
    kind, _, name = note.resource.partition("/")
    actor = entry.Actor(
        type=note.actor.type,
        id=note.actor.name,
        key_prefix=note.actor.key_prefix or "",
        ip=note.actor.ip or "",
    )
    change = entry.Change(
        actor=actor,
        action=note.action,
        resource=entry.Resource(type=kind, id=name, domain=note.domain),
        result=note.result,
        details=note.details,
    )
    return (await (await chain(tx, node_id, at_ms)).append(tx, note.tenant, change)).id


async def page(tx: AsyncConnection, query: Query, after: Position | None, limit: int) -> list[Entry]:
    """Up to `limit` entries of the nodes that can be reached, oldest first, after a position."""
    where = _conditions(query)
    if after is not None:
        where.append(tuple_(after.at_ms, after.node_id, after.number) < _PLACE)
    reachable = _entry.node_id.in_(select(cluster_nodes.c.id).where(cluster_nodes.c.present))
    rows = await tx.execute(
        select(audit_entries).where(reachable, *where).order_by(*_PLACE.clauses).limit(limit)
    )
    sealed_by = Chain(bytes.fromhex(await meta.get(tx, _KEY) or ""))
    return [_as_entry(row, sealed_by) for row in rows.mappings()]


async def prune(tx: AsyncConnection, node_id: str, now_ms: int, before_ms: int) -> int:
    """Delete what is older than the retention: a beginning of each chain, never its newest entry."""
    return await retention.prune(tx, await chain(tx, node_id, now_ms), before_ms)


async def chain(tx: AsyncConnection, node_id: str, at_ms: int) -> Chain:
    """A sandbox's key lies in its database: it shows how an audit log looks, and proves nothing."""
    return Chain(await meta.secret(tx, _KEY), node_id=node_id, clock=lambda: at_ms)


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


def _as_entry(row: RowMapping, sealed_by: Chain) -> Entry:
    actor = {"type": row["actor_type"], "name": row["actor"]}
    return Entry(
        position=Position(row["at_ms"], row["node_id"], row["number"]),
        actor={**actor, "key_prefix": row["key_prefix"] or None, "ip": row["ip"] or None},
        action=row["action"],
        resource=row["resource"],
        resource_type=row["resource_type"],
        result=row["result"],
        details=row["details"],
        sealed=sealed_by.holds(row),
    )
