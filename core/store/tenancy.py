"""Whose a row is."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import outbox_events
from hub.access.principal import OPERATOR

__all__ = ["OPERATOR", "with_events"]


async def with_events(tx: AsyncConnection) -> list[str]:
    """Every tenant of whom the outbox holds events, sorted; one step down its index each."""
    found: list[str] = []
    column = outbox_events.c.tenant
    while True:
        after = column > found[-1] if found else column.is_not(None)
        name = (await tx.execute(select(func.min(column)).where(after))).scalar_one_or_none()
        if name is None:
            return found
        found.append(name)
