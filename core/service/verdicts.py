"""What was decided about messages, recipient by recipient, as callers read it."""

from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Asked, Branches, Page, page
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.store import verdicts
from core.store.verdicts import Filter, Verdict
from hub.web.access import authorize
from hub.web.errors import NotFound

__all__ = ["READ", "Filter", "Verdict", "branches", "listing", "one"]

READ = "verdicts:read"


async def listing(
    core: Core, tx: AsyncConnection, by: By, narrow: Filter, *, limit: int = 100, cursor: str | None = None
) -> Page[Verdict]:
    """The newest first, of the domains that the caller may see.

    Raises `Forbidden` for a domain of no grant, `ValidationFailed` and `CursorExpired` for the cursor.
    """
    if narrow.domain is not None:
        authorize(by.principal, READ, narrow.domain)
    each = branches(by, narrow)
    query = verdicts.select_from(by.tenant, narrow, first=cursor is None, by_domain=bool(each))
    seen = visible.limit(query, by, READ, verdicts.DOMAIN)
    asked = Asked(scope=f"verdicts:{by.tenant}", filters=narrow.as_dict(), limit=limit, cursor=cursor)
    return (await page(tx, seen, verdicts.BY, core.cursors, asked, each=each)).of(verdicts.of)


def branches(by: By, narrow: Filter) -> Branches:
    """For `core.paging`: the domains of the caller, where no other narrows the list."""
    return () if narrow.domain is not None else visible.branches(by, READ, verdicts.DOMAIN)


async def one(tx: AsyncConnection, by: By, verdict_id: str) -> Verdict:
    """Raises `NotFound`, also for one of a domain that the caller may not see."""
    query = visible.limit(verdicts.by_id(verdict_id), by, READ, verdicts.DOMAIN)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no verdict {verdict_id[:80]}.")
    return verdicts.of(row)
