"""Single values of the store: keys for signing, counters."""

import secrets

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import counters, meta
from hub.sql import upsert

__all__ = ["below", "count_up", "counted", "get", "put", "remove", "secret"]


async def get(tx: AsyncConnection, key: str) -> str | None:
    found = await tx.execute(select(meta.c.value).where(meta.c.key == key))
    value: str | None = found.scalar_one_or_none()
    return value


async def below(tx: AsyncConnection, prefix: str) -> list[str]:
    """The values of all keys that begin so, in the order of the keys."""
    asked = select(meta.c.value).where(meta.c.key.startswith(prefix, autoescape=True)).order_by(meta.c.key)
    return list((await tx.execute(asked)).scalars())


async def put(tx: AsyncConnection, key: str, value: str) -> None:
    new = upsert.insert(tx, meta).values(key=key, value=value)
    await tx.execute(new.on_conflict_do_update(index_elements=["key"], set_={"value": value}))


async def remove(tx: AsyncConnection, key: str) -> None:
    await tx.execute(delete(meta).where(meta.c.key == key))


async def secret(tx: AsyncConnection, key: str) -> bytes:
    """32 random bytes, made at the first call and the same ever after."""
    known = await get(tx, key)
    if known is None:
        new = upsert.insert(tx, meta).values(key=key, value=secrets.token_hex(32))
        await tx.execute(new.on_conflict_do_nothing())
        known = await get(tx, key)  # that of another, where two came at the same moment
    return bytes.fromhex(known or "")


async def count_up(tx: AsyncConnection, name: str, by: int = 1) -> int:
    """Add and return the new value; the first is `by`. Others wait with this counter until the commit."""
    new = upsert.insert(tx, counters).values(name=name, value=by)
    counted = new.on_conflict_do_update(index_elements=["name"], set_={"value": counters.c.value + by})
    return int((await tx.execute(counted.returning(counters.c.value))).scalar_one())


async def counted(tx: AsyncConnection, name: str) -> int:
    """Where a counter stands; 0 before its first use."""
    found = await tx.execute(select(counters.c.value).where(counters.c.name == name))
    return int(found.scalar_one_or_none() or 0)
