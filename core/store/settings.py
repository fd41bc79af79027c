"""Values by tenant and name, as JSON data."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import settings
from hub.sql import upsert

__all__ = ["drop", "every", "get", "put"]


async def get(tx: AsyncConnection, tenant: str, name: str) -> Any:
    """`None` where nothing was set."""
    found = select(settings.c.value).where(settings.c.tenant == tenant, settings.c.name == name)
    return (await tx.execute(found)).scalar_one_or_none()


async def every(tx: AsyncConnection, tenant: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Those of the names that were set."""
    mine = (settings.c.tenant == tenant) & settings.c.name.in_(names)
    rows = await tx.execute(select(settings.c.name, settings.c.value).where(mine))
    return {row.name: row.value for row in rows}


async def put(tx: AsyncConnection, tenant: str, name: str, value: Any, now_ms: int) -> None:
    row = {"value": value, "updated_ms": now_ms}
    new = upsert.insert(tx, settings).values(tenant=tenant, name=name, **row)
    await tx.execute(new.on_conflict_do_update(index_elements=["tenant", "name"], set_=row))


async def drop(tx: AsyncConnection, tenant: str, name: str) -> None:
    """As if it had never been set."""
    await tx.execute(delete(settings).where(settings.c.tenant == tenant, settings.c.name == name))
