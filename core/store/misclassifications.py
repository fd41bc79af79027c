"""Verdicts that somebody called wrong."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import misclassifications, verdicts

__all__ = ["Kind", "Reported", "add", "verdict_of"]

Kind = Literal["false_positive", "false_negative"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A report. Of the message its hash is kept, not its bytes; `envelope` is as the reporter told it."""

    id: str
    tenant: str
    domain: str
    type: Kind
    verdict_id: str
    quarantine_id: str
    envelope: Mapping[str, Any]
    sha256: str
    reported_by: str
    at_ms: int


async def add(tx: AsyncConnection, new: Reported) -> None:
    await tx.execute(insert(misclassifications).values(**asdict(new)))


async def verdict_of(tx: AsyncConnection, tenant: str, message: str) -> str:
    """The first verdict on a scanned message; nothing where there is none."""
    of = (verdicts.c.tenant == tenant, verdicts.c.message == message)
    asked = select(verdicts.c.id).where(*of).order_by(verdicts.c.id).limit(1)
    return str((await tx.execute(asked)).scalar_one_or_none() or "") if message else ""
