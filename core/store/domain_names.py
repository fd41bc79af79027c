"""Who has a name, and how many domains there may be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import meta
from core.store.tables import domain_aliases, domains, licences, pointers

__all__ = ["Taken", "hold", "licensed", "taken"]

_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Which of some names are in use, whoever's they are; aliases and pointers with their domain."""

    domains: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    pointers: Mapping[str, str] = field(default_factory=dict)


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
