"""The events of the service: each is written in the transaction of the change that it tells about.

`core.store.feed` reads them, `core.outward` carries them away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta, order, tables
from core.store.tables import outbox_events
from core.store.tenancy import OPERATOR
from hub.sql.columns import String
from hub.sql.ids import new_id

__all__ = ["emit", "emit_many"]

_COUNTER = "outbox"
_TENANT, _DOMAIN = bindparam("whose", type_=String), bindparam("of_domain", type_=String)


def _held_by() -> ColumnElement[str]:
    """The key that the event's domain is tied to in this transaction, also one that it just removed."""
    keys = [
        select(table.c.api_key_id).where(table.c.tenant == _TENANT, table.c.name == _DOMAIN).scalar_subquery()
        for table in (tables.domains, tables.removed_ties)
    ]
    return func.coalesce(*keys, "")


_INSERT = insert(outbox_events).values(held_by=_held_by())


async def emit(
    tx: AsyncConnection,
    name: str,
    node_id: str,
    at_ms: int,
    data: Mapping[str, Any],
    *,
    tenant: str = OPERATOR,
    domain: str = "",
) -> str:
    """Add an event to the running transaction and return its id; `domain` as in `emit_many`."""
    of = [domain]
    return (await emit_many(tx, [(name, data)], node_id, at_ms, tenant=tenant, domains=of))[0]


async def emit_many(
    tx: AsyncConnection,
    events: Sequence[tuple[str, Mapping[str, Any]]],
    node_id: str,
    at_ms: int,
    *,
    tenant: str = OPERATOR,
    actions: Sequence[str] | None = None,
    domains: Sequence[str] | None = None,
) -> list[str]:
    """Add events (name, data) in this order to the running transaction and return their ids.

    `actions`: of those without a name, the audit action that each tells of (`core.outward.watch`).
    `domains`: the domain here that each is of, where its data may name another one below or beside it.
    """
    if not events:
        return []
    await order.in_commit_order(tx)
    first = await meta.count_up(tx, _COUNTER, len(events)) - len(events) + 1
    same = {"tenant": tenant, "whose": tenant, "node_id": node_id, "at_ms": at_ms}
    ids = [new_id("evt") for _ in events]
    rows = [
        {
            "seq": first + place,
            "id": ids[place],
            "name": name,
            "action": actions[place] if actions else "",
            "domain": (domain := (domains and domains[place]) or str(data.get("domain") or "")),
            "of_domain": domain,
            "data": dict(data),
            **same,
        }
        for place, (name, data) in enumerate(events)
    ]
    await tx.execute(_INSERT, rows)
    return ids
