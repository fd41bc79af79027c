"""The outbox as those read it who carry events away: in order, by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta
from core.store.tables import notification_targets, outbox_events, webhooks

__all__ = ["Happening", "after", "find", "happening", "having", "id_at", "named", "oldest", "prune", "top"]

_COUNTER = "outbox"
_SQL_ITEMS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """A row of the outbox. `name` is empty for what only the audit log tells; `at_ms` is when it happened.

    `held_by` is the key that its domain was tied to then, empty for none.
    """

    seq: int
    id: str
    tenant: str
    name: str
    action: str
    domain: str
    held_by: str
    node_id: str
    data: Mapping[str, Any]
    at_ms: int


_COLUMNS = [outbox_events.c[name] for name in Happening.__dataclass_fields__]


def happening(row: Row[Any]) -> Happening:
    return Happening(**row._mapping)  # noqa: SLF001 -- the documented way to a row's names


def named(tenant: str) -> Select[Any]:
    """A tenant's events, to be narrowed, ordered and cut."""
    return select(*_COLUMNS).where(outbox_events.c.tenant == tenant, outbox_events.c.name != "")


async def top(tx: AsyncConnection) -> int:
    """Number of the last event; 0 before the first."""
    return await meta.counted(tx, _COUNTER)


async def oldest(tx: AsyncConnection) -> int:
    """Number of the first event that is kept; one beyond the last when there is none."""
    found = (await tx.execute(select(func.min(outbox_events.c.seq)))).scalar_one_or_none()
    return await top(tx) + 1 if found is None else int(found)


async def after(tx: AsyncConnection, seq: int, limit: int) -> list[Happening]:
    """Events of all tenants behind a number, oldest first."""
    wanted = select(*_COLUMNS).where(outbox_events.c.seq > seq).order_by(outbox_events.c.seq).limit(limit)
    return [happening(row) for row in await tx.execute(wanted)]


async def having(tx: AsyncConnection, seqs: Sequence[int]) -> dict[int, Happening]:
    """Events by number; those that are gone are left out."""
    found: dict[int, Happening] = {}
    for at in range(0, len(seqs), _SQL_ITEMS):
        wanted = select(*_COLUMNS).where(outbox_events.c.seq.in_(seqs[at : at + _SQL_ITEMS]))
        found.update({row.seq: happening(row) for row in await tx.execute(wanted)})
    return found


async def id_at(tx: AsyncConnection, seq: int) -> str | None:
    """The id of the event with that number; `None` when it is not there (any more)."""
    found = await tx.execute(select(outbox_events.c.id).where(outbox_events.c.seq == seq))
    return found.scalar_one_or_none()


async def prune(tx: AsyncConnection, *, before_ms: int, passed: int) -> int:
    """Delete events that are old *and* that everybody passed; the last one passed stays, to know it by.

    `passed` is the relay's place. Returns how many.
    """
    places = [
        select(func.min(table.c.position)).where(table.c.enabled)
        for table in (webhooks, notification_targets)
    ]
    found = [(await tx.execute(place)).scalar_one_or_none() for place in places]
    floor = min([passed, *(int(place) for place in found if place is not None)])
    gone = delete(outbox_events).where(outbox_events.c.seq < floor, outbox_events.c.at_ms < before_ms)
    return (await tx.execute(gone)).rowcount


async def find(tx: AsyncConnection, tenant: str, event_id: str) -> Happening | None:
    """One event by its id, of that tenant."""
    wanted = named(tenant).where(outbox_events.c.id == event_id)
    row = (await tx.execute(wanted)).one_or_none()
    return None if row is None else happening(row)
