"""Releases that are under way: who has a held message in hand, and what was sent of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import quarantine
from core.store.quarantine import Held
from core.store.tables import quarantine_items

__all__ = ["Release", "begin", "files", "free", "get", "progress", "under_way"]

_item = quarantine_items.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A held message with its release. `plan` is `core.seam.plan.Plan` as JSON data, None before the first.

    `attempts` grows with each attempt: only who made the last one may write.
    """

    held: Held
    plan: Mapping[str, Any] | None
    attempts: int
    due_ms: int | None


async def get(tx: AsyncConnection, tenant: str, which: str | tuple[str, str]) -> Release | None:
    """By the item's id, or by the node and queue id under which it lies there now."""
    where = [_item.tenant == tenant]
    if isinstance(which, str):
        where.append(_item.id == which)
    else:
        lying = _item.state.in_(quarantine.LYING)
        where += [_item.node_id == which[0], _item.queue_id == which[1], lying]
    row = (await tx.execute(select(quarantine_items).where(*where))).mappings().one_or_none()
    return None if row is None else _release(row)


async def begin(
    tx: AsyncConnection, release: Release, plan: Mapping[str, Any], *, now_ms: int, until_ms: int
) -> Release | None:
    """Take a message in hand for an attempt; it is `releasing` then. None: somebody else was faster."""
    state = {
        "state": "releasing",
        "state_ms": now_ms,
        "state_detail": "",
        "plan": plan,
        "attempts": release.attempts + 1,
        "due_ms": until_ms,
    }
    mine = (_item.id == release.held.id, _item.attempts == release.attempts)
    may = _item.state.in_((*quarantine.OPEN, "releasing"))
    done = await tx.execute(update(quarantine_items).where(*mine, may).values(**state))
    return await get(tx, release.held.tenant, release.held.id) if done.rowcount else None


async def progress(
    tx: AsyncConnection, release: Release, plan: Mapping[str, Any], words: str, due_ms: int
) -> bool:
    """Keep what was sent so far. False: another attempt took the message over meanwhile."""
    mine = (
        _item.id == release.held.id,
        _item.attempts == release.attempts,
        _item.state == "releasing",
    )
    values = {"plan": plan, "due_ms": due_ms, "state_detail": words}
    return bool((await tx.execute(update(quarantine_items).where(*mine).values(**values))).rowcount)


async def under_way(tx: AsyncConnection, node_id: str, now_ms: int, limit: int = 100) -> list[Release]:
    """Messages of a node that are `releasing` with nobody at them."""
    mine = (_item.state == "releasing", _item.node_id == node_id, _item.due_ms <= now_ms)
    rows = await tx.execute(select(quarantine_items).where(*mine).order_by(_item.state_ms).limit(limit))
    return [_release(row) for row in rows.mappings()]


async def free(tx: AsyncConnection, node_id: str, now_ms: int) -> None:
    """Nobody of that node is at work any more: its releases may be gone on with."""
    mine = (_item.state == "releasing", _item.node_id == node_id, _item.due_ms > now_ms)
    await tx.execute(update(quarantine_items).where(*mine).values(due_ms=now_ms))


async def files(tx: AsyncConnection, node_id: str) -> dict[str, str]:
    """Places in a node's quarantine that belong to a message which is there, and its id."""
    lying = (_item.node_id == node_id, _item.state.in_(quarantine.LYING), _item.file != "")
    return {row.file: row.id for row in await tx.execute(select(_item.file, _item.id).where(*lying))}


def _release(row: RowMapping) -> Release:
    return Release(held=quarantine.of(row), plan=row["plan"], attempts=row["attempts"], due_ms=row["due_ms"])
