"""What only a cluster of MailGuards has: partner nodes, a licence, DKIM keys and certificates that grow old.

Who looks at them and tells is the service; the outside world that they need is here: a licence server, people
who renew things.
"""

import random
import secrets
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.sandbox.cluster import Cluster
from core.sandbox.pace import Pace
from core.seam.recovery import Recovery
from core.service import detectors
from core.service.core import Core
from core.store import domains, estate, meta
from core.store.clock import DAY_MS
from core.store.tenancy import OPERATOR

__all__ = ["INSTALLED", "Estate", "install", "licence_server", "renew"]

INSTALLED = "installed"
"""Of `meta`: when it was set up. Earlier releases set up its domains then, too."""
_ADMIN = Actor(type="user", id="admin", ip="10.0.0.5")
_ISSUER = "CN=Sandbox Issuing CA"


class Estate:
    """Of the service's own cluster; `partners` are the names of the nodes that come and go."""

    def __init__(
        self, core: Core, names: Sequence[str], pace: Pace, partners: Sequence[str], rng: random.Random
    ) -> None:
        self._core = core
        self._names = names
        self._pace = pace
        self._partners = partners
        self._cluster = Cluster(core.node_id, partners, pace, rng)

    async def begin(self) -> None:
        """Once a start, before `tick`; what partners had in hand when all was killed is finished here."""
        now_ms = self._core.clock()
        async with self._core.database.begin() as tx:
            await install(tx, self._names, self._pace, now_ms)
            await self._cluster.begin(tx, now_ms)
        for name in self._partners:
            recovery = Recovery(self._as(name))
            await recovery.restart()
            await recovery.once()

    async def tick(self) -> None:
        """What is to be done at one moment: heartbeats, detectors, renewals."""
        core, now_ms = self._core, self._core.clock()
        watch = detectors.Watch(limits=self._pace.limits, licence_server=licence_server)
        async with core.database.begin() as tx:
            await self._cluster.beat(tx, core.chain, now_ms)
            await detectors.detect(tx, core.chain, watch, now_ms)
            await renew(tx, core.chain, self._pace, now_ms)

    async def taker(self) -> Core:
        """The service as the node that takes the next message."""
        async with self._core.database.read() as tx:
            return self._as(await self._cluster.pick(tx))

    def _as(self, node_id: str) -> Core:
        core = self._core
        return replace(core, node_id=node_id, chain=core.chain.at(core.clock, node_id=node_id))


async def install(tx: AsyncConnection, names: Sequence[str], pace: Pace, now_ms: int) -> None:
    """Set a fresh one up; what was set up before stays as it is."""
    if await meta.get(tx, INSTALLED) is not None:
        return
    await meta.put(tx, INSTALLED, str(now_ms))
    await _add_dkim_keys(tx, names, pace, now_ms)
    warning_ms = pace.limits.certificate_warning_ms
    for index, due_s in enumerate(pace.certificate_due_s):
        await _add_certificate(tx, f"CN=mx{index + 1}.{names[0]}", now_ms + round(due_s * 1000) + warning_ms)
    trial = estate.Licence(
        tier="trial",
        max_domains=5,
        valid_until_ms=now_ms + 30 * DAY_MS,
        refreshed_ms=now_ms,
        refresh_due_ms=now_ms + round(pace.licence_due_s * 1000),
    )
    await estate.put_licence(tx, trial)


async def _add_dkim_keys(tx: AsyncConnection, names: Sequence[str], pace: Pace, now_ms: int) -> None:
    """To each domain that has none: somebody may have been here before this."""
    there = {domain.name for domain in await domains.every(tx)}
    without = there - {key.domain for key in await estate.dkim_keys(tx)}
    oldest_ms = now_ms - pace.limits.dkim_lifetime_ms + pace.limits.dkim_warning_ms
    for index, name in enumerate(names):
        created_ms = oldest_ms + round(pace.dkim_due_s[index % len(pace.dkim_due_s)] * 1000)
        if name in without:
            await estate.add_dkim_key(tx, estate.DkimKey(domain=name, selector="nmg1", created_ms=created_ms))


def licence_server(old: estate.Licence) -> estate.Licence:
    """A trial becomes a standard licence; that one is prolonged by a month."""
    if old.tier == "trial":
        return replace(old, tier="standard", max_domains=50, valid_until_ms=old.refresh_due_ms + 365 * DAY_MS)
    return replace(old, valid_until_ms=old.valid_until_ms + 30 * DAY_MS)


async def renew(tx: AsyncConnection, chain: Chain, pace: Pace, now_ms: int) -> None:
    """The administrator rotates announced DKIM keys and replaces announced certificates, a while later."""
    patience_ms = round(pace.renewed_after_ticks * pace.tick_s * 1000)
    limits = pace.limits
    for key in await estate.dkim_keys(tx):
        announced_ms = key.created_ms + limits.dkim_lifetime_ms - limits.dkim_warning_ms
        if key.warned and now_ms - announced_ms > patience_ms:
            await _rotate(tx, chain, key, now_ms)
    for certificate in await estate.certificates(tx):
        announced_ms = certificate.not_after_ms - limits.certificate_warning_ms
        if certificate.warned and now_ms - announced_ms > patience_ms:
            await _replace(tx, chain, certificate, now_ms)


async def _rotate(tx: AsyncConnection, chain: Chain, key: estate.DkimKey, now_ms: int) -> None:
    await estate.remove_dkim_key(tx, key)
    selector = f"nmg{await meta.count_up(tx, 'dkim_selector') + 1}"
    await estate.add_dkim_key(tx, estate.DkimKey(domain=key.domain, selector=selector, created_ms=now_ms))
    change = Change(
        actor=_ADMIN,
        action="dkim.rotate",
        resource=Resource(type="dkim", id=f"{key.domain}/{selector}", domain=key.domain),
        details={"previous_selector": key.selector},
    )
    await chain.append(tx, OPERATOR, change)


async def _replace(tx: AsyncConnection, chain: Chain, old: estate.Certificate, now_ms: int) -> None:
    await estate.remove_certificate(tx, old.serial)
    serial = await _add_certificate(tx, old.subject, now_ms + 90 * DAY_MS)
    change = Change(
        actor=_ADMIN,
        action="cert.renew",
        resource=Resource(type="certificate", id=serial),
        details={"subject": old.subject, "previous_serial": old.serial},
    )
    await chain.append(tx, OPERATOR, change)


async def _add_certificate(tx: AsyncConnection, subject: str, not_after_ms: int) -> str:
    serial = secrets.token_hex(8)
    await estate.add_certificate(
        tx, estate.Certificate(serial=serial, subject=subject, issuer=_ISSUER, not_after_ms=not_after_ms)
    )
    return serial
