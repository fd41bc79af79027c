"""Which messages taught a tenant's classifier what, so that each does it once."""

from typing import Literal

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.classifier import Class
from core.store.tables import classifier_lessons
from hub.sql import upsert

__all__ = ["Change", "put"]

Change = Literal["new", "turned", "known"]

_row = classifier_lessons.c


async def put(tx: AsyncConnection, tenant: str, sha256: str, klass: Class, now_ms: int) -> Change:
    """Set the label of a message. Another transaction with the same message waits for the end of this one."""
    new = upsert.insert(tx, classifier_lessons).values(
        tenant=tenant, sha256=sha256, label=klass, at_ms=now_ms
    )
    if (await tx.execute(new.on_conflict_do_nothing())).rowcount:
        return "new"
    other = (_row.tenant == tenant, _row.sha256 == sha256, _row.label != klass)
    turned = await tx.execute(update(classifier_lessons).where(*other).values(label=klass, at_ms=now_ms))
    return "turned" if turned.rowcount else "known"
