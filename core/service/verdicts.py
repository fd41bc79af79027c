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
_LOOKED_FOR = 50


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
    """Few domains among many of the tenant's are looked for one by one, not among all others' verdicts."""
    reach = by.principal.reach(READ)
    if reach.everything or narrow.domain is not None or len(reach.domains) > _LOOKED_FOR:
        return ()
    return [verdicts.DOMAIN.in_([name]) for name in sorted(reach.domains)]


async def one(tx: AsyncConnection, by: By, verdict_id: str) -> Verdict:
    """Raises `NotFound`, also for one of a domain that the caller may not see."""
    query = visible.limit(verdicts.by_id(verdict_id), by, READ, verdicts.DOMAIN)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no verdict {verdict_id[:80]}.")
    return verdicts.of(row)
