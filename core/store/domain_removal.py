"""A domain goes, and with it what only it had."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.quarantine import LYING
from core.store.tables import (
    alert_rules,
    catch_alls,
    dkim_keys,
    dmarc_policies,
    dns_snapshots,
    domain_aliases,
    domain_downstreams,
    domains,
    forwarders,
    list_items,
    login_links,
    mailboxes,
    password_resets,
    pointers,
    quarantine_items,
    recipients,
    removed_ties,
)

__all__ = ["BELONGING", "begin", "held", "remove", "stays"]

BELONGING: Final[tuple[Table, ...]] = (
    alert_rules,
    catch_alls,
    dkim_keys,
    dmarc_policies,
    dns_snapshots,
    domain_aliases,
    domain_downstreams,
    forwarders,
    list_items,
    login_links,
    mailboxes,
    password_resets,
    pointers,
    recipients,
)
"""What goes with its domain. Verdicts, counts, reports, alerts that were raised and the audit log stay: they
are what happened."""
_CHUNK = 500


async def begin(tx: AsyncConnection, tenant: str, names: Sequence[str]) -> None:
    """Wait for those whom `stays` told that a domain is there; nobody is told so from here on."""
    for part in _parts(sorted(names)):
        mine = (domains.c.tenant == tenant, domains.c.name.in_(part))
        await tx.execute(select(domains.c.id).where(*mine).order_by(domains.c.name).with_for_update())


async def stays(tx: AsyncConnection, domain_id: str) -> bool:
    """Whether a domain is there, and will be until this transaction has ended."""
    mine = select(domains.c.id).where(domains.c.id == domain_id)
    return (await tx.execute(mine.with_for_update(read=True, key_share=True))).first() is not None


async def held(tx: AsyncConnection, tenant: str, names: Sequence[str]) -> dict[str, int]:
    """How many messages each of the domains has in quarantine; those without any are left out."""
    item, found = quarantine_items.c, dict[str, int]()
    for part in _parts(names):
        mine = (item.tenant == tenant, item.domain.in_(part), item.state.in_(LYING))
        rows = await tx.execute(select(item.domain, func.count()).where(*mine).group_by(item.domain))
        found |= {domain: int(count) for domain, count in rows}
    return found


async def remove(tx: AsyncConnection, tenant: str, names: Sequence[str]) -> None:
    """Delete domains of a tenant with everything that belongs to them; that they were tied is remembered."""
    for part in _parts(names):
        await _remember(tx, tenant, part)
        for table in BELONGING:
            mine = [table.c.tenant == tenant] if "tenant" in table.c else []
            await tx.execute(delete(table).where(table.c.domain.in_(part), *mine))
        await tx.execute(delete(domains).where(domains.c.tenant == tenant, domains.c.name.in_(part)))


async def _remember(tx: AsyncConnection, tenant: str, names: Sequence[str]) -> None:
    """What happened to a domain stays hidden from those who never saw it."""
    columns = ("name", "tenant", "api_key_id")
    tied = select(*(domains.c[name] for name in columns)).where(
        domains.c.tenant == tenant, domains.c.name.in_(names), domains.c.api_key_id.is_not(None)
    )
    await tx.execute(insert(removed_ties).from_select(columns, tied))


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
