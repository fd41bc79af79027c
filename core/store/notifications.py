"""Notification targets: whom to tell of what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.sight import SIGHT, Sight
from core.store.tables import notification_targets as table

__all__ = ["Target", "add", "change", "enabled", "failing", "gave_up", "many", "move", "remove", "worked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An Apprise URL (sealed; `shown` is what of it may be seen) and the audit actions it is told of.

    `form` is one of `core.outward.notes.FORMS`; `actions` may end in `*`, or be `destructive`; `monitors` are
    names of `core.outward.watch.MONITORS`. It is told of what its `sight` reaches.
    """

    id: str
    tenant: str
    name: str
    url: str
    shown: str
    form: str
    actions: tuple[str, ...]
    monitors: tuple[str, ...]
    sight: Sight
    enabled: bool
    position: int
    failing_since_ms: int | None
    last_error: str
    delivered: int
    given_up: int
    created_ms: int
    updated_ms: int


_ALL = [table.c[name] for name in (*(Target.__dataclass_fields__.keys() - {"sight"}), *SIGHT)]


async def many(tx: AsyncConnection, tenant: str) -> list[Target]:
    """A tenant's, oldest first."""
    wanted = select(*_ALL).where(table.c.tenant == tenant).order_by(table.c.created_ms, table.c.id)
    return [_target(row) for row in (await tx.execute(wanted)).mappings()]


async def enabled(tx: AsyncConnection, tenant: str | None = None) -> list[Target]:
    """Those that are to be told: of a tenant, or all."""
    wanted = select(*_ALL).where(table.c.enabled).order_by(table.c.id)
    if tenant is not None:
        wanted = wanted.where(table.c.tenant == tenant)
    return [_target(row) for row in (await tx.execute(wanted)).mappings()]


async def add(tx: AsyncConnection, values: Mapping[str, Any]) -> None:
    await tx.execute(insert(table).values(**values))


async def change(tx: AsyncConnection, target_id: str, **values: Any) -> None:
    await tx.execute(update(table).where(table.c.id == target_id).values(**values))


async def remove(tx: AsyncConnection, target_id: str) -> None:
    await tx.execute(delete(table).where(table.c.id == target_id))


async def move(tx: AsyncConnection, target_id: str, position: int) -> None:
    """Its place moves on, never back."""
    behind = (table.c.id == target_id, table.c.position < position)
    await tx.execute(update(table).where(*behind).values(position=position))


async def worked(tx: AsyncConnection, target_id: str, count: int) -> None:
    await change(tx, target_id, delivered=table.c.delivered + count, failing_since_ms=None, last_error="")


async def failing(tx: AsyncConnection, target_id: str, error: str, now_ms: int) -> None:
    """It failed again, or for the first time: then since now."""
    since = func.coalesce(table.c.failing_since_ms, now_ms)
    await change(tx, target_id, failing_since_ms=since, last_error=error)


async def gave_up(tx: AsyncConnection, target_id: str, count: int, *, fresh: bool) -> None:
    """So many messages were not told; `fresh`: its next failure is its first."""
    values = {"failing_since_ms": None} if fresh else {}
    await change(tx, target_id, given_up=table.c.given_up + count, **values)


def _target(row: RowMapping) -> Target:
    plain = {name: value for name, value in row.items() if name not in SIGHT}
    lists = {name: tuple(row[name]) for name in ("actions", "monitors")}
    return Target(**{**plain, **lists, "sight": Sight.of(row)})
