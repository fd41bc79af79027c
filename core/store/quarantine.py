"""Held messages: their listing data and their bytes, until they are released or discarded."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.clock import iso_seconds
from core.store.tables import cluster_nodes, quarantine_bodies, quarantine_items

__all__ = ["Filter", "Held", "add", "body", "count", "end", "find", "page", "purge"]

Ending = Literal["released", "discarded", "expired"]

_item = quarantine_items.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message in quarantine. `queue_id` is unique on its node while it is held, and reused later."""

    id: str
    tenant: str
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


_COLUMNS = [_item[name] for name in Held.__dataclass_fields__]
_HELD = _item.state == "held"
_REACHABLE = _item.node_id.in_(select(cluster_nodes.c.id).where(cluster_nodes.c.present))


async def add(tx: AsyncConnection, held: Held, body: bytes) -> None:
    """Keep a message.

    Raises `sqlalchemy.exc.IntegrityError` when the node holds one under the same queue id.
    """
    row = {**asdict(held), "recipients": list(held.recipients), "symbols": list(held.symbols)}
    await tx.execute(insert(quarantine_items).values(state="held", state_ms=held.arrived_ms, **row))
    await tx.execute(insert(quarantine_bodies).values(item=held.id, body=body))


async def page(tx: AsyncConnection, narrow: Filter, *, limit: int, offset: int) -> list[Held]:
    """Held messages on nodes that can be reached, newest first."""
    rows = await tx.execute(
        select(*_COLUMNS)
        .where(_HELD, _REACHABLE, *_conditions(narrow))
        .order_by(_item.arrived_ms.desc(), _item.id.desc())
        .limit(limit)
        .offset(offset)
    )
    return [_held(row) for row in rows.mappings()]


async def find(tx: AsyncConnection, node_id: str, queue_id: str) -> Held | None:
    """A held message."""
    found = await tx.execute(
        select(*_COLUMNS).where(_HELD, _item.node_id == node_id, _item.queue_id == queue_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _held(row)


async def body(tx: AsyncConnection, held: Held) -> bytes | None:
    """Its bytes as they were received; `None` once they are gone."""
    found = await tx.execute(select(quarantine_bodies.c.body).where(quarantine_bodies.c.item == held.id))
    kept = found.scalar_one_or_none()
    return None if kept is None else bytes(kept)


async def end(tx: AsyncConnection, held: Held, how: Ending, now_ms: int) -> bool:
    """The message is no longer held, its bytes are gone. False: somebody else was faster."""
    done = await tx.execute(
        update(quarantine_items).where(_HELD, _item.id == held.id).values(state=how, state_ms=now_ms)
    )
    if done.rowcount:
        await tx.execute(delete(quarantine_bodies).where(quarantine_bodies.c.item == held.id))
    return bool(done.rowcount)


async def purge(tx: AsyncConnection, before_ms: int) -> int:
    """Forget messages that ended before that moment. Returns how many."""
    ended = _item.state.in_(("released", "discarded", "expired"))
    done = await tx.execute(delete(quarantine_items).where(ended, _item.state_ms < before_ms))
    return done.rowcount


async def count(tx: AsyncConnection) -> int:
    """How many messages are held."""
    return int(
        (await tx.execute(select(func.count()).select_from(quarantine_items).where(_HELD))).scalar_one()
    )


def _conditions(narrow: Filter) -> Sequence[ColumnElement[bool]]:
    table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
        (narrow.domain, _item.domain.__eq__),
        (narrow.since_ms, _item.arrived_ms.__ge__),
        (narrow.min_score, _item.score.__ge__),
        (narrow.max_score, _item.score.__le__),
        (narrow.reason, _item.reason.__eq__),
    )
    where = [compare(value) for value, compare in table if value is not None]
    if narrow.sender is not None:
        tail = "@" + narrow.sender.lstrip("@")
        end = func.substr(_item.sender, func.length(_item.sender) - len(tail) + 1)
        where.append(or_(_item.sender == narrow.sender, end == tail))
    return where


def _held(row: RowMapping) -> Held:
    fields = dict(row)
    fields["recipients"] = tuple(fields["recipients"])
    fields["symbols"] = tuple(fields["symbols"])
    return Held(**fields)
