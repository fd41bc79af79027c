"""Subscriptions: a plan under which domains are filtered, with its limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import domains, subscriptions

__all__ = ["Subscription", "add", "change", "every", "find", "taken"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """`limits`: how much of a feature, by its handle (`domains`: how many domains). -1 = without limit."""

    handle: str
    tenant: str
    customer_id: str
    plan: str
    limits: Mapping[str, int]
    active: bool
    created_ms: int
    updated_ms: int
    active_accounts: int = 0
    """Active domains under it."""


async def every(tx: AsyncConnection, tenant: str) -> list[Subscription]:
    """The oldest first."""
    return await _found(tx, subscriptions.c.tenant == tenant)


async def find(tx: AsyncConnection, tenant: str, handle: str) -> Subscription | None:
    found = await _found(tx, (subscriptions.c.tenant == tenant) & (subscriptions.c.handle == handle))
    return found[0] if found else None


async def taken(tx: AsyncConnection, handle: str) -> bool:
    """Whether there is one of that handle, whoever's: handles are unique over all tenants."""
    return (await tx.execute(select(1).where(subscriptions.c.handle == handle))).first() is not None


async def add(tx: AsyncConnection, new: Subscription) -> None:
    row = {name: getattr(new, name) for name in _COLUMNS}
    await tx.execute(insert(subscriptions).values({**row, "limits": dict(new.limits)}))


async def change(tx: AsyncConnection, handle: str, now_ms: int, **values: Any) -> None:
    which = update(subscriptions).where(subscriptions.c.handle == handle)
    await tx.execute(which.values(updated_ms=now_ms, **values))


_COLUMNS = tuple(name for name in Subscription.__dataclass_fields__ if name != "active_accounts")
_ACTIVE = (
    select(func.count())
    .where(
        domains.c.tenant == subscriptions.c.tenant,
        domains.c.subscription == subscriptions.c.handle,
        domains.c.active,
    )
    .scalar_subquery()
)


async def _found(tx: AsyncConnection, condition: Any) -> list[Subscription]:
    columns = [subscriptions.c[name] for name in _COLUMNS]
    wanted = select(*columns, _ACTIVE.label("active_accounts")).where(condition)
    ordered = wanted.order_by(subscriptions.c.created_ms, subscriptions.c.handle)
    return [Subscription(**row) for row in (await tx.execute(ordered)).mappings()]
