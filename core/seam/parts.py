"""What the seam keeps in a process: the SMTP client, loaded classifiers, tenants' own domains."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from sqlalchemy import select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from core.config import CoreConfig
from core.engine.classifier import State
from core.reports.rua import RuaAddresses
from core.seam.smtp import Relay
from core.store import classifier
from core.store.tables import domain_aliases, domains
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
        self.own_domains = OwnDomains()
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


class OwnDomains:
    """Names of a tenant's domains and aliases, as they were at most half a minute ago."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    async def get(self, tx: AsyncConnection, tenant: str) -> frozenset[str]:
        until, names = self._kept.get(tenant, (0.0, frozenset[str]()))
        if until <= self._clock():
            mine = select(domains.c.name).where(domains.c.tenant == tenant)
            others = select(domain_aliases.c.name).where(domain_aliases.c.tenant == tenant)
            names = frozenset((await tx.execute(union_all(mine, others))).scalars())
            self._kept[tenant] = (self._clock() + _FRESH_S, names)
        while len(self._kept) > _MOST_TENANTS:
            self._kept.popitem(last=False)
        return names
