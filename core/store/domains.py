"""Filtered domains with everything that belongs to their record. Names are lower case, A-labels."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping, Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.verdict import Thresholds
from core.paging.keyset import Keyset
from core.store import meta
from core.store.domain_rows import SMTP_PORT, Domain, Downstream, Policy, of, row_of
from core.store.tables import domain_aliases, domain_downstreams, domains, removed_ties, stat_counters
from core.store.tenancy import OPERATOR
from hub.sql.ids import new_id

__all__ = [
    "BY",
    "SMTP_PORT",
    "Domain",
    "Downstream",
    "Policy",
    "add",
    "change",
    "domains_of",
    "every",
    "find",
    "find_many",
    "insert_many",
    "name_of_alias",
    "numbered",
    "replace_whole",
    "verdicts",
]

BY = Keyset(domains.c.created_ms, domains.c.id)
"""The order of pages."""
_CHUNK = 500


async def add(
    tx: AsyncConnection,
    name: str,
    *,
    backends: Sequence[str],
    thresholds: Thresholds,
    now_ms: int,
    tenant: str = OPERATOR,
) -> None:
    """Add a working domain as it is made for demonstrations, or leave the one of that name as it is."""
    known = await tx.execute(select(domains.c.id).where(domains.c.name == name))
    if known.first() is not None:
        return
    made = Domain(
        id=new_id("dom"),
        number=0,
        tenant=tenant,
        name=name,
        verified=True,
        verified_ms=now_ms,
        downstreams=tuple(_server(address) for address in backends),
        policy=Policy(thresholds=thresholds),
        dkim_active=True,
        dmarc_reporting=True,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await insert_many(tx, await numbered(tx, [made]))


async def numbered(tx: AsyncConnection, new: Sequence[Domain]) -> list[Domain]:
    """The records with numbers of their own. Others wait with theirs until the commit."""
    last = await meta.count_up(tx, "domain", len(new))
    return [replace(each, number=number) for number, each in enumerate(new, start=last - len(new) + 1)]


async def insert_many(tx: AsyncConnection, new: Sequence[Domain]) -> None:
    """Store new domains with their servers and aliases. Their names must be free."""
    rows = [row_of(each) for each in new]
    servers = [row for each in new for row in _servers(each)]
    aliases = [row for each in new for row in _aliases(each, each.created_ms)]
    anew = removed_ties.c.name.in_([each.name for each in new])
    await tx.execute(delete(removed_ties).where(anew))
    for table, values in ((domains, rows), (domain_downstreams, servers), (domain_aliases, aliases)):
        if values:
            await tx.execute(insert(table), values)


async def change(tx: AsyncConnection, domain: Domain) -> None:
    """Store a changed record; servers and aliases aside."""
    await tx.execute(update(domains).where(domains.c.id == domain.id).values(**row_of(domain)))


async def replace_whole(tx: AsyncConnection, before: Domain, after: Domain) -> None:
    """Store a changed record with its servers and aliases."""
    await change(tx, after)
    if before.downstreams != after.downstreams:
        await _put(tx, domain_downstreams, after.name, _servers(after))
    if (before.aliases, before.pending_aliases) != (after.aliases, after.pending_aliases):
        await _put(tx, domain_aliases, after.name, _aliases(after, after.updated_ms))


async def find(tx: AsyncConnection, tenant: str, name: str) -> Domain | None:
    """The tenant's domain of that name."""
    found = await find_many(tx, tenant, (name,))
    return found[0] if found else None


async def find_many(tx: AsyncConnection, tenant: str, names: Iterable[str]) -> list[Domain]:
    """Those of the names that are the tenant's, by name."""
    wanted = sorted(set(names))
    found: list[Domain] = []
    for start in range(0, len(wanted), _CHUNK):
        part = wanted[start : start + _CHUNK]
        mine = select(domains).where(domains.c.tenant == tenant, domains.c.name.in_(part))
        rows = (await tx.execute(mine.order_by(domains.c.name))).mappings().all()
        found += await domains_of(tx, rows)
    return found


async def every(tx: AsyncConnection, only: str | None = None) -> list[Domain]:
    """All domains of all tenants by number, or the one named."""
    wanted = select(domains).order_by(domains.c.number)
    if only is not None:
        wanted = wanted.where(domains.c.name == only)
    return await domains_of(tx, (await tx.execute(wanted)).mappings().all())


async def domains_of(tx: AsyncConnection, rows: Sequence[RowMapping]) -> list[Domain]:
    """Rows of the table with what belongs to them, in the same order."""
    names = [row["name"] for row in rows]
    servers: dict[str, list[Downstream]] = {}
    aliases: dict[str, dict[str, bool]] = {}
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        down = domain_downstreams
        mine = select(down).where(down.c.domain.in_(part)).order_by(down.c.domain, down.c.position)
        for row in await tx.execute(mine):
            one = Downstream(host=row.host, port=row.port, priority=row.priority, weight=row.weight)
            servers.setdefault(row.domain, []).append(one)
        others = (
            select(domain_aliases).where(domain_aliases.c.domain.in_(part)).order_by(domain_aliases.c.name)
        )
        for row in await tx.execute(others):
            aliases.setdefault(row.domain, {})[row.name] = row.pending
    return [of(row, servers.get(row["name"], ()), aliases.get(row["name"], {})) for row in rows]


async def name_of_alias(tx: AsyncConnection, tenant: str, alias: str) -> str | None:
    """The tenant's domain whose mail an alias shares; None where it is pending, or no alias of theirs."""
    row = domain_aliases.c
    mine = (row.tenant == tenant, row.name == alias, row.pending.is_(False))
    found = await tx.execute(select(row.domain).where(*mine))
    name: str | None = found.scalar_one_or_none()
    return name


async def verdicts(tx: AsyncConnection) -> dict[str, int]:
    """Messages per action since the store began."""
    total = func.sum(stat_counters.c.messages)
    rows = await tx.execute(select(stat_counters.c.metric, total).group_by(stat_counters.c.metric))
    return {metric: int(messages) for metric, messages in rows}


def _server(address: str) -> Downstream:
    host, colon, port = address.rpartition(":")
    return Downstream(host=host if colon else address, port=int(port) if colon else SMTP_PORT)


async def _put(tx: AsyncConnection, table: Table, domain: str, rows: Sequence[dict[str, Any]]) -> None:
    await tx.execute(delete(table).where(table.c.domain == domain))
    if rows:
        await tx.execute(insert(table), rows)


def _servers(domain: Domain) -> list[dict[str, Any]]:
    return [
        {
            "domain": domain.name,
            "position": position,
            "tenant": domain.tenant,
            "host": each.host,
            "port": each.port,
            "priority": each.priority,
            "weight": each.weight,
        }
        for position, each in enumerate(domain.downstreams)
    ]


def _aliases(domain: Domain, now_ms: int) -> list[dict[str, Any]]:
    same = {"tenant": domain.tenant, "domain": domain.name, "created_ms": now_ms}
    return [{"name": name, "pending": name in domain.pending_aliases, **same} for name in domain.aliases]
