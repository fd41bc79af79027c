"""Addresses by which owners of mailboxes get in again: kept here, whoever hosts the mailbox."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import mailboxes
from core.upstream.provider import Mailbox
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = ["put", "recovery_of"]


async def recovery_of(
    tx: AsyncConnection, tenant: str, domain: str, only: str | None = None
) -> dict[str, str]:
    """Username -> address, for the mailboxes that have one; or for the one named."""
    row = mailboxes.c
    wanted = select(row.username, row.recovery_email).where(row.tenant == tenant, row.domain == domain)
    if only is not None:
        wanted = wanted.where(row.username == only)
    rows = await tx.execute(wanted.where(row.recovery_email.is_not(None)))
    return {name: email for name, email in rows}  # noqa: C416 - `dict` does not take rows, says mypy


async def put(
    tx: AsyncConnection, tenant: str, domain: str, mailbox: Mailbox, email: str | None, *, now_ms: int
) -> None:
    """Set or clear it. A mailbox of a host elsewhere gets its row here with this."""
    new = upsert.insert(tx, mailboxes).values(
        id=new_id("box"),
        tenant=tenant,
        domain=domain,
        username=mailbox.username,
        quota_mb=mailbox.quota_mb,
        send_limit=mailbox.send_limit,
        recovery_email=email,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    same = {"recovery_email": email, "updated_ms": now_ms}
    await tx.execute(new.on_conflict_do_update(index_elements=["domain", "username"], set_=same))
