"""Answers that are given again to a request that comes again."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import idempotency_keys
from hub.sql import upsert

__all__ = ["Kept", "Place", "abandon", "forget_running", "keep", "sweep", "take"]

_row = idempotency_keys.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One key of one caller: the table's primary key."""

    tenant: str
    principal: str
    key: str

    @property
    def here(self) -> ColumnElement[bool]:
        return and_(_row.tenant == self.tenant, _row.principal == self.principal, _row.key == self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """`status` is None while the first request is at work."""

    fingerprint: str
    status: int | None
    body: bytes | None


async def take(
    tx: AsyncConnection, place: Place, fingerprint: str, *, owner: str, now_ms: int, keep_ms: int, run_ms: int
) -> Kept | None:
    """None: the place was free and is now the caller's. What is past its time counts as not there."""
    await tx.execute(delete(idempotency_keys).where(place.here, _past(now_ms, run_ms)))
    new = upsert.insert(tx, idempotency_keys).values(
        tenant=place.tenant,
        principal=place.principal,
        key=place.key,
        fingerprint=fingerprint,
        owner=owner,
        created_ms=now_ms,
        expires_ms=now_ms + keep_ms,
    )
    taken = await tx.execute(new.on_conflict_do_nothing().returning(_row.key))
    if taken.first() is not None:
        return None
    columns = (_row.fingerprint, _row.status, _row.body)
    found = (await tx.execute(select(*columns).where(place.here))).mappings().one()
    return Kept(**found)


async def keep(tx: AsyncConnection, place: Place, status: int, body: bytes) -> None:
    await tx.execute(update(idempotency_keys).where(place.here).values(status=status, body=body))


async def abandon(tx: AsyncConnection, place: Place) -> None:
    await tx.execute(delete(idempotency_keys).where(place.here, _row.status.is_(None)))


async def forget_running(tx: AsyncConnection, owner: str) -> None:
    """What this node was at when it ended is not at work any more."""
    await tx.execute(delete(idempotency_keys).where(_row.owner == owner, _row.status.is_(None)))


async def sweep(tx: AsyncConnection, now_ms: int) -> None:
    """Remove what is past its time."""
    await tx.execute(delete(idempotency_keys).where(_row.expires_ms <= now_ms))


def _past(now_ms: int, run_ms: int) -> ColumnElement[bool]:
    stuck = and_(_row.status.is_(None), _row.created_ms <= now_ms - run_ms)
    return or_(_row.expires_ms <= now_ms, stuck)
