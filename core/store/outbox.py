"""The events of the service: each is written in the transaction of the change that it tells about.

`core.store.feed` reads them, `core.outward` carries them away.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta, order
from core.store.tables import outbox_events
from core.store.tenancy import OPERATOR
from hub.sql.ids import new_id

__all__ = ["emit", "emit_many"]


_COUNTER = "outbox"


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
