"""The events of the service, and where each webhook endpoint stands among them.

An event is written in the transaction of the change it tells about. Endpoints read them in order; one that
every endpoint has passed is deleted. The number waiting is bounded: beyond it the oldest are given up, and
counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, RowMapping, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta, order
from core.store.tables import outbox_events, webhooks
from core.store.tenancy import OPERATOR
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = [
    "Delivery",
    "Endpoint",
    "Event",
    "configure",
    "delivered",
    "emit",
    "emit_many",
    "endpoints",
    "failed",
    "give_up",
    "remove",
    "trim",
    "waiting",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    seq: int
    id: str
    name: str
    at_ms: int
    node_id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`position` is the last event that it took or that was given up; `names` the events it wants."""

    id: str
    url: str
    secret: str
    names: tuple[str, ...]
    position: int
    attempts: int
    due_ms: int
    delivered: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """The next event for an endpoint."""

    endpoint: Endpoint
    event: Event


_COUNTER = "outbox"
_FRESH = {"attempts": 0, "due_ms": 0}
_PLACE = [webhooks.c[name] for name in Endpoint.__dataclass_fields__]


async def emit(
    tx: AsyncConnection,
    name: str,
    node_id: str,
    at_ms: int,
    data: Mapping[str, Any],
    *,
    tenant: str = OPERATOR,
) -> str:
    """Add an event to the running transaction and return its id."""
    return (await emit_many(tx, [(name, data)], node_id, at_ms, tenant=tenant))[0]


async def emit_many(
    tx: AsyncConnection,
    events: Sequence[tuple[str, Mapping[str, Any]]],
    node_id: str,
    at_ms: int,
    *,
    tenant: str = OPERATOR,
    actions: Sequence[str] | None = None,
) -> list[str]:
    """Add events (name, data) in this order to the running transaction and return their ids.

    `actions`: of those without a name, the audit action that each tells of (`core.outward.watch`).
    """
    if not events:
        return []
    await order.in_commit_order(tx)
    first = await meta.count_up(tx, _COUNTER, len(events)) - len(events) + 1
    same = {"tenant": tenant, "node_id": node_id, "at_ms": at_ms}
    ids = [new_id("evt") for _ in events]
    rows = [
        {
            "seq": first + place,
            "id": ids[place],
            "name": name,
            "action": actions[place] if actions else "",
            "domain": str(data.get("domain") or ""),
            "data": dict(data),
            **same,
        }
        for place, (name, data) in enumerate(events)
    ]
    await tx.execute(insert(outbox_events), rows)
    return ids


async def configure(
    tx: AsyncConnection,
    endpoint_id: str,
    *,
    url: str,
    secret: str,
    names: Sequence[str],
    tenant: str = OPERATOR,
    now_ms: int = 0,
) -> None:
    """Add an endpoint (it gets what happens from now on) or change one (it keeps its place)."""
    state = {"url": url, "secret": secret, "names": list(names), "updated_ms": now_ms, **_FRESH}
    new = upsert.insert(tx, webhooks).values(
        id=endpoint_id,
        tenant=tenant,
        form="mailguard",
        position=await meta.counted(tx, _COUNTER),
        created_ms=now_ms,
        **state,
    )
    await tx.execute(new.on_conflict_do_update(index_elements=["id"], set_=state))


async def remove(tx: AsyncConnection, endpoint_id: str) -> None:
    """Forget an endpoint and its place."""
    await tx.execute(delete(webhooks).where(webhooks.c.id == endpoint_id))


async def endpoints(tx: AsyncConnection) -> list[Endpoint]:
    return [_endpoint(row) for row in (await tx.execute(select(*_PLACE).order_by(webhooks.c.id))).mappings()]


async def waiting(tx: AsyncConnection, endpoint_id: str, limit: int) -> list[Delivery]:
    """The next events that an endpoint wants, oldest first. Empty when there is no such endpoint."""
    row = (await tx.execute(select(*_PLACE).where(webhooks.c.id == endpoint_id))).mappings().one_or_none()
    if row is None:
        return []
    endpoint = _endpoint(row)
    wanted = select(outbox_events).where(_wanted(endpoint)).order_by(outbox_events.c.seq).limit(limit)
    return [Delivery(endpoint, _event(each)) for each in await tx.execute(wanted)]


async def delivered(tx: AsyncConnection, endpoint_id: str, seq: int) -> None:
    """The endpoint answered 2xx for this event."""
    await _step_to(tx, endpoint_id, seq, delivered=webhooks.c.delivered + 1)


async def failed(tx: AsyncConnection, endpoint_id: str, due_ms: int) -> None:
    """The event at the head stays there; the next try is due then."""
    state = {"attempts": webhooks.c.attempts + 1, "due_ms": due_ms}
    await tx.execute(update(webhooks).where(webhooks.c.id == endpoint_id).values(**state))


async def give_up(tx: AsyncConnection, endpoint_id: str, seq: int) -> None:
    """Step over an event that the endpoint will never take."""
    await _step_to(tx, endpoint_id, seq, given_up=webhooks.c.given_up + 1)


async def trim(tx: AsyncConnection, keep: int) -> int:
    """Delete what every endpoint has passed, and more than `keep` waiting. Returns how many were given up."""
    top = await meta.counted(tx, _COUNTER)
    floor = max(top - keep, 0)
    lost = 0
    for endpoint in await endpoints(tx):
        if endpoint.position < floor:
            lost += await _skip_to(tx, endpoint, floor)
        elif not await waiting(tx, endpoint.id, 1):
            await _step_to(tx, endpoint.id, top)
    passed = (await tx.execute(select(func.min(webhooks.c.position)))).scalar_one_or_none()
    await tx.execute(delete(outbox_events).where(outbox_events.c.seq <= (top if passed is None else passed)))
    return lost


async def _skip_to(tx: AsyncConnection, endpoint: Endpoint, floor: int) -> int:
    skipped = select(func.count()).where(_wanted(endpoint), outbox_events.c.seq <= floor)
    lost = int((await tx.execute(skipped)).scalar_one())
    await _step_to(tx, endpoint.id, floor, given_up=webhooks.c.given_up + lost)
    return lost


async def _step_to(tx: AsyncConnection, endpoint_id: str, seq: int, **counts: ColumnElement[int]) -> None:
    behind = and_(webhooks.c.id == endpoint_id, webhooks.c.position < seq)
    await tx.execute(update(webhooks).where(behind).values(position=seq, **_FRESH, **counts))


def _wanted(endpoint: Endpoint) -> ColumnElement[bool]:
    return and_(outbox_events.c.seq > endpoint.position, outbox_events.c.name.in_(endpoint.names))


def _event(row: Row[Any]) -> Event:
    return Event(seq=row.seq, id=row.id, name=row.name, at_ms=row.at_ms, node_id=row.node_id, data=row.data)


def _endpoint(row: RowMapping) -> Endpoint:
    return Endpoint(**{**row, "names": tuple(row["names"])})
