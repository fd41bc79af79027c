"""Is the audit log what was written? Every chain against its seals, its numbers, its head and the anchors."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.anchoring import SEEN
from core.audit.anchors import Anchors, Found
from core.audit.chain import Chain
from core.audit.finding import Finding
from core.audit.retention import start_of
from core.audit.walk import Head, Walk
from core.store import meta
from core.store.database import Database
from core.store.tables import audit_entries, audit_heads
from hub.sdk.offload import Offload

__all__ = ["MAX_FINDINGS", "check", "verify"]

MAX_FINDINGS = 1000
_PAGE = 500
_entry = audit_entries.c


async def verify(database: Database, chain: Chain, anchors: Anchors | None) -> list[Finding]:
    """What does not hold, tenant by tenant, at most `MAX_FINDINGS`; empty when everything does.

    Without anchors, entries cut off the end of a chain together with its head do not show.
    Raises `OSError` and `core.store.database.Unavailable`.
    """
    known = None if anchors is None else await Offload("audit-verify").run(anchors.read)
    async with database.read() as tx, _any_text(tx):  # after the anchors were read: what they name is in it
        return await check(tx, chain, known)


async def check(tx: AsyncConnection, chain: Chain, anchored: Found | None) -> list[Finding]:
    """`verify` in a transaction, against anchors that were read before it began."""
    found = [] if anchored is None else await _of_files(tx, anchored)
    known = {} if anchored is None else anchored.anchors
    heads = await _heads(tx)
    named = set((await tx.execute(select(_entry.tenant).distinct())).scalars())
    tenants = {each for each in named if isinstance(each, str)}
    found += [
        Finding("edited", "", 0, 0, f"entries of {str(each)[:40]!r}, which is no tenant")
        for each in named - tenants
    ]
    for tenant in sorted({*heads, *tenants, *known}):
        found += await _of_chain(tx, chain, tenant, heads.get(tenant), known.get(tenant, {}))
        if len(found) >= MAX_FINDINGS:
            break
    return found[:MAX_FINDINGS]


async def _of_chain(
    tx: AsyncConnection, chain: Chain, tenant: str, head: Head | None, anchored: Mapping[int, str]
) -> list[Finding]:
    start = await start_of(tx, chain, tenant)
    walk = Walk(chain, tenant, head, anchored, start)
    async for row in _rows(tx, tenant):
        walk.take(row)
    return [finding for _, finding in zip(range(MAX_FINDINGS), walk.findings(), strict=False)]


async def _rows(tx: AsyncConnection, tenant: str) -> AsyncIterator[Mapping[Any, Any]]:
    """A chain by number, some rows at a time."""
    asked = select(audit_entries).where(_entry.tenant == tenant).order_by(_entry.seq).limit(_PAGE)
    page = (await tx.execute(asked)).mappings().all()
    while page:
        for row in page:
            yield row
        page = (await tx.execute(asked.where(_entry.seq > page[-1]["seq"]))).mappings().all()


@asynccontextmanager
async def _any_text(tx: AsyncConnection) -> AsyncIterator[None]:
    """SQLite keeps bytes that are no UTF-8 as text, too; its driver would give up at the first of them."""
    if tx.dialect.name != "sqlite":
        yield
        return
    driver = (await tx.get_raw_connection()).driver_connection
    assert isinstance(driver, aiosqlite.Connection)  # noqa: S101 - narrows the type: it is SQLite's only driver
    before, driver.text_factory = driver.text_factory, lambda raw: raw.decode("utf-8", "replace")
    try:
        yield
    finally:
        driver.text_factory = before


async def _heads(tx: AsyncConnection) -> dict[str, Head]:
    head = audit_heads.c
    rows = await tx.execute(select(head.tenant, head.seq, head.hash))
    return {
        row.tenant: Head(row.seq, row.hash)
        for row in rows
        if isinstance(row.tenant, str) and isinstance(row.seq, int)
    }


async def _of_files(tx: AsyncConnection, known: Found) -> list[Finding]:
    """What is wrong with the anchors themselves: flaws, or a place that the database has seen is not there.

    Each process has files of its own; these are good when they are those of one of them.
    """
    found = [
        Finding("anchors", "", 0, 0, f"{flaw.file} line {flaw.line}: {flaw.what}") for flaw in known.flaws
    ]
    places = [text.partition(":") for text in await meta.below(tx, SEEN)]
    missing = [_missing(known, int(number), seal) for number, _, seal in places]
    if missing and all(missing):
        found.append(Finding("anchors", "", 0, 0, "; ".join(each for each in missing if each)))
    return found


def _missing(known: Found, number: int, seal: str) -> str | None:
    """Of one process's place."""
    if number > known.lines:
        return f"they end at line {known.lines}, the database has seen {number}"
    if known.seals.get(number, seal) != seal:
        return f"line {number} is not the one that the database has seen"
    return None
