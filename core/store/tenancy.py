"""Whose a row is."""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import domains, outbox_events
from hub.access.principal import OPERATOR
from hub.access.tables import accounts, keys

__all__ = ["OPERATOR", "tenants"]

_TOLD_BY = (outbox_events.c.tenant, domains.c.tenant, keys.c.tenant, accounts.c.tenant)


async def tenants(tx: AsyncConnection) -> list[str]:
    """Every tenant with events, domains, keys or people, sorted; one step down an index for each."""
    found: set[str] = set()
    for column in _TOLD_BY:
        found.update(await _distinct(tx, column))
    return sorted(found)


async def _distinct(tx: AsyncConnection, column: ColumnElement[str]) -> list[str]:
    found: list[str] = []
    while True:
        after = column > found[-1] if found else column.is_not(None)
        name = (await tx.execute(select(func.min(column)).where(after))).scalar_one_or_none()
        if name is None:
            return found
        found.append(name)
