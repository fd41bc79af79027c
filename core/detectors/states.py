"""What each detector told last, per subject: the memory that makes it tell changes only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import detector_states
from core.store.tenancy import OPERATOR
from hub.sql import upsert

__all__ = ["State", "drop", "every", "get", "put"]

_row = detector_states.c


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """`since_ms` is when `state` was entered."""

    tenant: str = OPERATOR
    subject: str
    state: str
    since_ms: int
    details: Mapping[str, Any] = field(default_factory=dict)


async def get(tx: AsyncConnection, detector: str, subject: str, *, tenant: str = OPERATOR) -> State | None:
    where = (_row.tenant == tenant, _row.detector == detector, _row.subject == subject)
    row = (await tx.execute(select(detector_states).where(*where))).one_or_none()
    if row is None:
        return None
    return State(
        tenant=row.tenant,
        subject=row.subject,
        state=row.state,
        since_ms=row.since_ms,
        details=row.details or {},
    )


async def every(tx: AsyncConnection, detector: str) -> dict[tuple[str, str], State]:
    """All of a detector by `(tenant, subject)`."""
    rows = await tx.execute(select(detector_states).where(_row.detector == detector))
    return {
        (row.tenant, row.subject): State(
            tenant=row.tenant,
            subject=row.subject,
            state=row.state,
            since_ms=row.since_ms,
            details=row.details or {},
        )
        for row in rows
    }


async def put(tx: AsyncConnection, detector: str, new: State) -> None:
    values = {"state": new.state, "since_ms": new.since_ms, "details": dict(new.details)}
    row = upsert.insert(tx, detector_states).values(
        tenant=new.tenant, detector=detector, subject=new.subject, **values
    )
    await tx.execute(row.on_conflict_do_update(index_elements=["tenant", "detector", "subject"], set_=values))


async def drop(tx: AsyncConnection, detector: str, subjects: Iterable[tuple[str, str]]) -> None:
    """Forget subjects, given as `(tenant, subject)`."""
    for tenant, subject in subjects:
        where = (_row.tenant == tenant, _row.detector == detector, _row.subject == subject)
        await tx.execute(delete(detector_states).where(*where))
