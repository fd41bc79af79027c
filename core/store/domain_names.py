"""Who has a name, and how many domains there may be."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Column, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta
from core.store.tables import domain_aliases, domains, licences, pointers

__all__ = ["Stands", "Taken", "hold", "licensed", "prove", "stands_for", "suspect", "taken", "unproven"]

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Which of some names are in use, whoever's they are; aliases and pointers with their domain."""

    domains: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    pointers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stands:
    """The domain that another name stands for; while it is `pending` it stands for nothing."""

    domain: str
    pending: bool


async def stands_for(tx: AsyncConnection, tenant: str, name: str) -> Stands | None:
    """Whose mail a tenant's alias or pointer shares; None for a name that is neither, or only redirects."""
    own, host = domain_aliases.c, pointers.c
    alias = select(own.domain, own.pending).where(own.tenant == tenant, own.name == name)
    pointer = select(host.domain, host.pending).where(
        host.tenant == tenant, host.pointer == name, host.alias.is_(True)
    )
    row = (await tx.execute(alias.union_all(pointer))).first()
    return None if row is None else Stands(domain=row.domain, pending=row.pending)


async def unproven(tx: AsyncConnection, domain: str) -> tuple[str, ...]:
    """A domain's aliases and pointers of which nobody proved yet whose they are, by name."""
    own, host = domain_aliases.c, pointers.c
    alias = select(own.name).where(own.domain == domain, own.pending)
    pointer = select(host.pointer).where(host.domain == domain, host.pending)
    return tuple(sorted((await tx.execute(alias.union_all(pointer))).scalars()))


async def suspect(tx: AsyncConnection, domain: str, pointer: str) -> None:
    """A new pointer of a domain is pending."""
    mine = (pointers.c.domain == domain) & (pointers.c.pointer == pointer)
    await tx.execute(update(pointers).where(mine).values(pending=True))


async def prove(tx: AsyncConnection, domain: str, names: Sequence[str]) -> None:
    """These aliases and pointers of a domain are pending no more."""
    for start in range(0, len(names), _CHUNK):
        part = names[start : start + _CHUNK]
        for table, name in ((domain_aliases, domain_aliases.c.name), (pointers, pointers.c.pointer)):
            mine = (table.c.domain == domain) & name.in_(part)
            await tx.execute(update(table).where(mine).values(pending=False))


async def hold(tx: AsyncConnection) -> None:
    """From here to its end this transaction alone gives names away: none goes between look and write."""
    await meta.count_up(tx, "domain", 0)


async def taken(tx: AsyncConnection, names: Iterable[str]) -> Taken:
    """Of any tenant: a name belongs to one domain only."""
    wanted = sorted(set(names))
    return Taken(
        domains=frozenset(await _found(tx, domains.c.name, domains.c.name, wanted)),
        aliases=await _found(tx, domain_aliases.c.name, domain_aliases.c.domain, wanted),
        pointers=await _found(tx, pointers.c.pointer, pointers.c.domain, wanted),
    )


async def licensed(tx: AsyncConnection) -> tuple[int, int | None]:
    """How many domains there are, of all tenants, and how many the licence allows (None: there is none)."""
    count = (await tx.execute(select(func.count()).select_from(domains))).scalar_one()
    return int(count), (await tx.execute(select(licences.c.max_domains))).scalars().first()


async def _found(
    tx: AsyncConnection, name: Column[str], of: Column[str], wanted: list[str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(wanted), _CHUNK):
        rows = await tx.execute(select(name, of).where(name.in_(wanted[start : start + _CHUNK])))
        found |= {row[0]: row[1] for row in rows}
    return found
