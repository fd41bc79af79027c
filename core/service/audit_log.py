"""The audit log as callers read it: what they may see of it, in pages and as files."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit import export as exporting
from core.audit import query
from core.audit.entry import Entry
from core.audit.export import MEDIA_TYPES, Form, Writer
from core.audit.files import ExportFile
from core.audit.query import Filter
from core.paging.keyset import Order, Page
from core.service import visible
from core.service.by import By
from core.service.core import Core
from hub.web.access import authorize
from hub.web.errors import NotFound

__all__ = [
    "MEDIA_TYPES",
    "READ",
    "Entry",
    "ExportFile",
    "Filter",
    "Form",
    "Writer",
    "actions",
    "export",
    "file",
    "listing",
    "one",
]

READ: Final = "audit:read"


async def listing(
    core: Core,
    tx: AsyncConnection,
    by: By,
    narrow: Filter,
    *,
    limit: int = 100,
    cursor: str | None = None,
    order: Order = "newest",
) -> Page[Entry]:
    """Entries of the domains that the caller may see; those of no domain for who sees all domains.

    Raises `Forbidden` for a domain of no grant, `ValidationFailed` and `CursorExpired` for the cursor.
    """
    seen = _seen(by, narrow)
    return await query.page(
        tx, core.chain, by.tenant, seen, core.cursors, limit=limit, cursor=cursor, order=order
    )


async def one(core: Core, tx: AsyncConnection, by: By, entry_id: str) -> Entry:
    """Raises `NotFound`, also for one that the caller may not see."""
    found = await query.entry(tx, core.chain, by.tenant, entry_id, visible.within(by, READ))
    if found is None:
        raise NotFound(f"There is no audit entry {entry_id[:80]}.")
    return found


async def actions(tx: AsyncConnection, by: By) -> list[str]:
    """Every action that occurs in what the caller may see."""
    return await query.actions(tx, by.tenant, visible.within(by, READ))


def export(core: Core, by: By, narrow: Filter, form: Form) -> AsyncIterator[bytes]:
    """All of it, oldest first, piece by piece. Raises `Forbidden` for a domain of no grant."""
    return exporting.export(core.database, core.chain, by.tenant, _seen(by, narrow), form)


async def file(core: Core, by: By, narrow: Filter, form: Form | Writer) -> ExportFile:
    """The same as a file of which ranges can be read. Raises `Forbidden` for a domain of no grant."""
    seen = _seen(by, narrow)
    async with core.database.read() as tx:
        bounds = await visible.bounds(tx, by, READ)
    return await core.exports.open(core.database, core.chain, by.tenant, seen, form, seen=bounds)


def _seen(by: By, narrow: Filter) -> Filter:
    if narrow.domain is not None:
        authorize(by.principal, READ, narrow.domain)
    return replace(narrow, within=visible.within(by, READ))
