"""Domains' own DMARC policies, and what was found in the DNS."""

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import RowMapping, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.tables import dmarc_policies, dns_snapshots
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = ["Snapshot", "keep", "latest", "policy", "set_policy"]

Snapshot = Literal["health", "setup", "scan"]
_KEPT = 50
"""Snapshots of one domain and kind; older ones give way."""


async def policy(tx: AsyncConnection, tenant: str, domain: str) -> str | None:
    """The domain's own record; `None` where the default holds."""
    mine = (dmarc_policies.c.tenant == tenant) & (dmarc_policies.c.domain == domain)
    return (await tx.execute(select(dmarc_policies.c.record).where(mine))).scalar_one_or_none()


async def set_policy(
    tx: AsyncConnection, tenant: str, domain: str, record: str | None, *, now_ms: int
) -> None:
    """`None` takes the domain's own record away."""
    if record is None:
        mine = (dmarc_policies.c.tenant == tenant) & (dmarc_policies.c.domain == domain)
        await tx.execute(delete(dmarc_policies).where(mine))
        return
    values = {"tenant": tenant, "record": record, "updated_ms": now_ms}
    new = upsert.insert(tx, dmarc_policies).values(domain=domain, **values)
    await tx.execute(new.on_conflict_do_update(index_elements=["domain"], set_=values))


async def keep(
    tx: AsyncConnection,
    tenant: str,
    domain: str,
    kind: Snapshot,
    *,
    overall: str,
    found: Mapping[str, Any],
    now_ms: int,
) -> str:
    """Store what was found and return its id; beyond a number a domain's oldest of that kind go."""
    mine = dns_snapshots.c
    ident = new_id("dns")
    row = {"id": ident, "tenant": tenant, "domain": domain, "kind": kind, "overall": overall}
    await tx.execute(insert(dns_snapshots).values(**row, checks=dict(found), at_ms=now_ms))
    same = (mine.tenant == tenant, mine.domain == domain, mine.kind == kind)
    kept = select(mine.id).where(*same).order_by(mine.at_ms.desc(), mine.id.desc()).limit(_KEPT)
    await tx.execute(delete(dns_snapshots).where(*same, mine.id.not_in(kept.scalar_subquery())))
    return ident


async def latest(tx: AsyncConnection, tenant: str, domain: str, kind: Snapshot) -> RowMapping | None:
    """The newest snapshot: `id`, `overall`, `checks`, `at_ms`."""
    mine = dns_snapshots.c
    same = (mine.tenant == tenant, mine.domain == domain, mine.kind == kind)
    newest = select(mine.id, mine.overall, mine.checks, mine.at_ms).where(*same)
    newest = newest.order_by(mine.at_ms.desc(), mine.id.desc()).limit(1)
    return (await tx.execute(newest)).mappings().first()
