"""What the core has put on record: audit entries and events."""

from sqlalchemy import select

from core.service.core import Core
from core.store.tables import audit_entries, outbox_events

__all__ = ["actions", "entries", "events", "everything_kept"]


async def entries(core: Core, action: str = "", tenant: str = "default"):
    """Of the audit log, the oldest first."""
    wanted = select(audit_entries).where(audit_entries.c.tenant == tenant).order_by(audit_entries.c.seq)
    async with core.database.read() as tx:
        found = (await tx.execute(wanted)).mappings().all()
    return [row for row in found if not action or row["action"] == action]


async def actions(core: Core, tenant: str = "default") -> list[str]:
    return [row["action"] for row in await entries(core, tenant=tenant)]


async def events(core: Core, name: str):
    """Of that name, the oldest first."""
    wanted = select(outbox_events).where(outbox_events.c.name == name).order_by(outbox_events.c.seq)
    async with core.database.read() as tx:
        return [row["data"] for row in (await tx.execute(wanted)).mappings()]


async def everything_kept(core: Core) -> str:
    """Every row of the audit log and of the outbox, as text: to look for secrets in."""
    async with core.database.read() as tx:
        found = [
            (await tx.execute(select(table))).mappings().all() for table in (audit_entries, outbox_events)
        ]
    return repr(found)
