"""All domains at a glance: mail hosting, how the DNS looked last, mailboxes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.dns.health import Health
from core.reports.quota import quota
from core.service import dns, visible
from core.service.by import By
from core.service.core import Core
from core.service.statistics import READ
from core.store import dns as stored
from core.store.tables import dns_snapshots, domains
from core.upstream.errors import ProviderError
from hub.web.errors import ApiError

__all__ = ["READ", "Member", "overview", "refresh"]

MOST_AT_ONCE: Final = 50
"""Domains that one refresh looks at, those first whose last look is oldest."""
_IN_PARALLEL: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One domain. `overall` is None where nobody has looked yet, `mailboxes` where they lie elsewhere."""

    domain: str
    mail_hosting: bool = True
    mailboxes: int | None = None
    overall: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    checked_ms: int | None = None


async def overview(core: Core, tx: AsyncConnection, by: By) -> list[Member]:
    """The domains that the caller may see, by name; nothing is looked up for it."""
    row = domains.c
    wanted = visible.limit(select(row.name, row.mail_hosting), by, READ, row.name).order_by(row.name)
    counted = await quota(tx, by.tenant, within=visible.within(by, READ))
    boxes = {each.domain: each.mailboxes for each in counted.domains}
    here = core.config.mxroute is None
    seen = await _last_looks(tx, by)
    return [
        replace(
            seen.get(name) or Member(domain=name),
            mail_hosting=hosting,
            mailboxes=boxes.get(name, 0) if here else None,
        )
        for name, hosting in await tx.execute(wanted)
    ]


async def refresh(core: Core, by: By) -> list[Member]:
    """Look at the DNS of domains where the caller may, then as `overview`. Outside of any transaction."""
    async with core.database.read() as tx:
        known = await overview(core, tx, by)
    known.sort(key=lambda each: each.checked_ms or 0)
    mine = [each.domain for each in known if each.domain in by.principal.reach(dns.READ)][:MOST_AT_ONCE]
    turns = asyncio.Semaphore(_IN_PARALLEL)

    async def look(domain: str) -> Health | None:
        async with turns:
            try:
                return await dns.health(core, by, domain)
            except (ProviderError, ApiError):  # its mail host does not say what to expect, or it is gone
                return None

    found = [each for each in await asyncio.gather(*map(look, mine)) if each is not None]
    async with core.database.begin() as tx:
        still = await visible.several(tx, by, dns.READ, [each.domain for each in found])
        for each in (one for one in found if one.domain in still):
            checks = each.as_dict()["checks"]
            await stored.keep(
                tx, by.tenant, each.domain, "health", overall=each.overall, found=checks, now_ms=core.clock()
            )
    async with core.database.read() as tx:
        return await overview(core, tx, by)


async def _last_looks(tx: AsyncConnection, by: By) -> dict[str, Member]:
    """The newest snapshot of each domain; of several of one moment any."""
    row = dns_snapshots.c
    mine = (row.tenant == by.tenant, row.kind == "health")
    newest = select(row.domain, func.max(row.at_ms).label("at_ms")).where(*mine).group_by(row.domain)
    last = newest.subquery()
    same = and_(row.domain == last.c.domain, row.at_ms == last.c.at_ms)
    wanted = select(row.domain, row.overall, row.checks, row.at_ms).join(last, same).where(*mine)
    return {
        domain: Member(
            domain=domain,
            overall=overall,
            checks={name: str(each.get("status")) for name, each in checks.items()},
            checked_ms=at_ms,
        )
        for domain, overall, checks, at_ms in await tx.execute(wanted.order_by(row.id))
    }
