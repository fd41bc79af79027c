"""The licence under which the service runs."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.service.by import By
from core.service.core import Core
from core.store.tables import domains, licences

__all__ = ["LicenceState", "get"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceState:
    """`none`: no file was ever accepted. An `expired` licence shows what it was."""

    status: Literal["none", "valid", "expired"]
    domains: int
    """That are filtered now: of all tenants for whoever runs the service, of their own for others."""
    tier: str | None = None
    holder: str | None = None
    max_domains: int | None = None
    valid_until_ms: int | None = None
    refreshed_ms: int | None = None
    refresh_due_ms: int | None = None


async def get(core: Core, tx: AsyncConnection, by: By) -> LicenceState:
    counted = select(func.count()).select_from(domains)
    if not by.principal.is_operator:
        counted = counted.where(domains.c.tenant == by.tenant)
    filtered = int((await tx.execute(counted)).scalar_one())
    row = (await tx.execute(select(licences).where(licences.c.id == "current"))).mappings().one_or_none()
    if row is None:
        return LicenceState(status="none", domains=filtered)
    return LicenceState(
        status="valid" if core.clock() < row["valid_until_ms"] else "expired",
        domains=filtered,
        tier=row["tier"],
        holder=row["holder"] or None,
        max_domains=row["max_domains"],
        valid_until_ms=row["valid_until_ms"],
        refreshed_ms=row["refreshed_ms"],
        refresh_due_ms=row["refresh_due_ms"],
    )
