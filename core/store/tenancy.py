"""Whose a row is."""

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import domains, outbox_events
from hub.access import tables as access
from hub.access.principal import OPERATOR

__all__ = ["OPERATOR", "is_known", "tenants"]

_TOLD_BY = (
    access.tenants.c.tenant,
    outbox_events.c.tenant,
    domains.c.tenant,
    access.keys.c.tenant,
    access.accounts.c.tenant,
)


async def tenants(tx: AsyncConnection) -> list[str]:
    """Every tenant that was made, or that has events, domains, keys or people, sorted; one step down an
    index for each.
    """
    found: set[str] = set()
    for column in _TOLD_BY:
        found.update(await _distinct(tx, column))
    return sorted(found)


async def is_known(tx: AsyncConnection, tenant: str) -> bool:
    """Whether there is such a tenant; the operator's own always is."""
    if tenant == OPERATOR:
        return True
    places = (select(column).where(column == tenant).exists() for column in _TOLD_BY)
    return bool((await tx.execute(select(or_(*places)))).scalar_one())


async def _distinct(tx: AsyncConnection, column: ColumnElement[str]) -> list[str]:
    found: list[str] = []
    while True:
        after = column > found[-1] if found else column.is_not(None)
        name = (await tx.execute(select(func.min(column)).where(after))).scalar_one_or_none()
        if name is None:
            return found
        found.append(name)
