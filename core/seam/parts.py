"""What the seam keeps in a process: the SMTP client, loaded classifiers, tenants' own domains, mail hosts."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.config import CoreConfig
from core.engine.classifier import State
from core.reports.rua import RuaAddresses
from core.seam.hosts import Hosts
from core.seam.smtp import Relay
from core.store import classifier
from core.store.domains import Domain
from core.store.tables import domain_aliases, domains, pointers
from hub.sdk.http import Guard

__all__ = ["Classifiers", "OwnDomains", "Seam"]

_MOST_TENANTS: Final = 32
"""A loaded classifier takes 512 KB."""
_FRESH_S: Final = 30.0


class Seam:
    """Made once a process; `close` it at the end."""

    def __init__(self, config: CoreConfig) -> None:
        self.relay = Relay(Guard(config.allow_networks), config.hostname)
        self.classifiers = Classifiers()
        self.own_domains = OwnDomains(must_verify=config.verify_domains)
        self.hosts = Hosts()
        self.rua = RuaAddresses(dict.fromkeys(config.reports_addresses))

    async def close(self) -> None:
        await self.relay.close()


class Classifiers:
    """Loaded states, each read again when lessons have changed it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[classifier.Taught, State | None]] = OrderedDict()

    async def get(self, tx: AsyncConnection, tenant: str) -> State | None:
        """None where nothing was taught."""
        taught = await classifier.taught(tx, tenant)
        kept = self._kept.get(tenant)
        if kept is None or kept[0] != taught:
            kept = (taught, await classifier.load(tx, tenant))
        self._kept[tenant] = kept
        self._kept.move_to_end(tenant)
        while len(self._kept) > _MOST_TENANTS:
            self._kept.popitem(last=False)
        return kept[1]


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who answers for a domain: what one of them may claim says nothing of another's mail."""

    api_key_id: str | None
    customer_id: str | None
    organization_id: str | None


class OwnDomains:
    """Names whose mail comes from within, as they were at most half a minute ago.

    For a domain: its own, and those of the tenant's other domains that the same key, customer and
    organization hold, each with its aliases and pointers. A name that is pending is nobody's yet; nor, with
    `must_verify`, is another domain that was never verified.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, must_verify: bool = False) -> None:
        self._clock, self._must_verify = clock, must_verify
        self._kept: OrderedDict[str, tuple[float, dict[_Holder, frozenset[str]]]] = OrderedDict()

    async def get(self, tx: AsyncConnection, domain: Domain) -> frozenset[str]:
        until, names = self._kept.get(domain.tenant, (0.0, {}))
        if until <= self._clock():
            names = await self._names(tx, domain.tenant)
            self._kept[domain.tenant] = (self._clock() + _FRESH_S, names)
        while len(self._kept) > _MOST_TENANTS:
            self._kept.popitem(last=False)
        holder = _Holder(domain.api_key_id, domain.customer_id, domain.organization_id)
        aliases = frozenset(domain.aliases) - frozenset(domain.pending_aliases)
        return names.get(holder, frozenset()) | aliases | {domain.name}

    async def _names(self, tx: AsyncConnection, tenant: str) -> dict[_Holder, frozenset[str]]:
        row, found = domains.c, dict[str, _Holder]()
        held = select(row.name, row.api_key_id, row.customer_id, row.organization_id).where(
            row.tenant == tenant
        )
        counts = (
            held.where(row.verified.is_(True)) if self._must_verify else held.where(row.status != "pending")
        )
        for name, *holder in await tx.execute(counts):
            found[name] = _Holder(*holder)
        named = dict(found)
        for table, name in ((domain_aliases, domain_aliases.c.name), (pointers, pointers.c.pointer)):
            proven = (table.c.tenant == tenant, table.c.pending.is_(False))
            for other, domain in await tx.execute(select(name, table.c.domain).where(*proven)):
                if domain in found:
                    named[other] = found[domain]
        by_holder: dict[_Holder, set[str]] = {}
        for each, whose in named.items():
            by_holder.setdefault(whose, set()).add(each)
        return {whose: frozenset(names) for whose, names in by_holder.items()}
