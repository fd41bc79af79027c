"""Working off a plan: one mail transaction a group, and what it came to is committed before the next."""

import random
from collections.abc import AsyncIterator

from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports import stats
from core.seam.plan import Delivery, Plan
from core.seam.smtp import Letter, Outcome, Target
from core.seam.targets import NoServer, exchangers, servers
from core.service.core import Core
from core.store import domains as stored
from core.store.domains import Domain
from core.upstream.errors import ProviderError
from core.upstream.local import LocalProvider
from hub.telemetry.metrics import METRICS

__all__ = ["LEASE_MS", "count_doubts", "worked_off"]

LEASE_MS = 300_000
"""Longer than any attempt: whoever claimed a message before that has ended without telling."""
_RANDOM = random.SystemRandom()


async def worked_off(
    core: Core, place: tuple[str, str], plan: Plan, sender: str, raw: bytes
) -> AsyncIterator[tuple[Plan, int]]:
    """Send what waits. After each mail transaction the plan as it is then, and how many doubts are new.

    Args:
        core: the service.
        place: tenant and domain, whose downstream servers are used.
        plan: what to do.
        sender: of the envelope.
        raw: the message as it came.

    """
    async with core.database.read() as tx:
        domain = await stored.find(tx, *place)
    for group in plan.groups():
        outcomes = await _sent(core, domain, group, sender, _bytes(plan, group[0], raw))
        doubts = sum(outcomes[one.address].unsure for one in group)
        plan = plan.told(group, outcomes)
        yield plan, doubts


async def count_doubts(core: Core, tx: AsyncConnection, place: tuple[str, str], doubts: int) -> None:
    """Count deliveries that may have to be made twice."""
    if doubts:
        tenant, domain = place
        await stats.count(
            tx,
            tenant=tenant,
            domain=domain,
            verdict=stats.POSSIBLE_DUPLICATES,
            now_ms=core.clock(),
            messages=doubts,
        )
        METRICS.count("mxhub_core_possible_duplicates_total", by=doubts)


async def _sent(
    core: Core, domain: Domain | None, group: tuple[Delivery, ...], sender: str, message: bytes
) -> dict[str, Outcome]:
    addresses = tuple(dict.fromkeys(one.address for one in group))
    try:
        targets = await _targets(core, domain, group[0].via)
    except NoServer as nowhere:
        return dict.fromkeys(addresses, Outcome(state=nowhere.state, words=nowhere.words))
    letter = Letter(sender=sender, addresses=addresses, message=message)
    return await core.seam.relay.send(targets, letter)


async def _targets(core: Core, domain: Domain | None, via: str) -> tuple[Target, ...]:
    if via:
        return await exchangers(core.resolver, via)
    if domain is None:
        raise NoServer("refused", "550 5.1.2 the domain is not filtered here any more")
    if not domain.downstreams:
        hosted = await _of_host(core, domain)
        if hosted:
            return hosted
    return servers(domain, _RANDOM)


async def _of_host(core: Core, domain: Domain) -> tuple[Target, ...]:
    """The servers of a mail host elsewhere; none where it does not have the domain. Raises `NoServer`."""
    host = core.upstream(domain.tenant)
    if isinstance(host, LocalProvider) or not domain.mail_hosting:
        return ()
    try:
        return await core.seam.hosts.servers(host, domain.name)
    except ProviderError as error:
        words = f"451 4.4.0 the mail host of {domain.name} cannot be asked for its servers now"
        raise NoServer("later", words) from error


def _bytes(plan: Plan, one: Delivery, raw: bytes) -> bytes:
    made = plan.stamps.get(one.stamp)
    return raw if made is None else made.put_on(raw)
