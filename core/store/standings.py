"""Reputation of client addresses, per tenant."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.reputation import Standing
from core.store.tables import reputations
from core.store.tenancy import OPERATOR
from hub.sql import upsert

__all__ = ["get", "hold", "known", "listed", "put"]

_row = reputations.c


async def get(tx: AsyncConnection, ip: str, *, tenant: str = OPERATOR) -> Standing:
    """What is known of an address; a new one has the start value."""
    found = await known(tx, ip, tenant=tenant)
    return Standing(ip=ip) if found is None else found[0]


async def known(tx: AsyncConnection, ip: str, *, tenant: str = OPERATOR) -> tuple[Standing, int] | None:
    """What is known of an address, and when it was last moved; None for one that is new."""
    row = (await tx.execute(select(reputations).where(_row.tenant == tenant, _row.ip == ip))).one_or_none()
    if row is None:
        return None
    return Standing(ip=row.ip, score=row.score, messages=row.messages, listed=row.listed), row.updated_ms


async def hold(tx: AsyncConnection, ip: str, now_ms: int, *, tenant: str = OPERATOR) -> tuple[Standing, int]:
    """What is known of an address, and when it was last moved: now, for one that is new.

    Nobody else moves it before this transaction ends, so that what is made of it is not lost.
    """
    new = Standing(ip=ip)
    start = {"score": new.score, "messages": new.messages, "listed": new.listed, "updated_ms": now_ms}
    first = upsert.insert(tx, reputations).values(tenant=tenant, ip=ip, **start)
    kept = first.on_conflict_do_update(index_elements=["tenant", "ip"], set_={"messages": _row.messages})
    row = (await tx.execute(kept.returning(_row.score, _row.messages, _row.listed, _row.updated_ms))).one()
    return Standing(ip=ip, score=row.score, messages=row.messages, listed=row.listed), row.updated_ms


async def put(tx: AsyncConnection, standing: Standing, now_ms: int, *, tenant: str = OPERATOR) -> None:
    state = {
        "score": standing.score,
        "messages": standing.messages,
        "listed": standing.listed,
        "updated_ms": now_ms,
    }
    new = upsert.insert(tx, reputations).values(tenant=tenant, ip=standing.ip, **state)
    await tx.execute(new.on_conflict_do_update(index_elements=["tenant", "ip"], set_=state))


async def listed(tx: AsyncConnection, *, tenant: str = OPERATOR) -> list[str]:
    """Addresses on the list."""
    wanted = select(reputations.c.ip).where(reputations.c.tenant == tenant, reputations.c.listed)
    return list((await tx.execute(wanted.order_by(reputations.c.ip))).scalars())
