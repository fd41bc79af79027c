"""What a scan is given, out of the database: policy, lists, wishes of recipients, reputation, classifier."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.detectors import reputation
from core.engine.context import ScanContext
from core.engine.lists import Sender, owner_address
from core.engine.message import Envelope
from core.engine.policy import DomainPolicy, HeaderNames
from core.lists import store as lists
from core.seam.recipients import Addressed, Host, host_of
from core.service.core import Core
from core.service.spam import PREFIX, options_of
from core.store.domains import Domain
from core.store.tables import recipients
from core.upstream.routing import Hosting

__all__ = ["Settings", "policy_of", "settings_of"]


@dataclass(frozen=True, slots=True)
class Settings:
    """For one message, all of one moment."""

    context: ScanContext
    host: Host


async def settings_of(
    core: Core,
    tx: AsyncConnection,
    to: Addressed,
    envelope: Envelope,
    header_from: str,
    elsewhere: Hosting | None = None,
) -> Settings:
    """Read them in one snapshot. `envelope` holds the canonical recipients: lists and wishes are theirs;
    `elsewhere` is what `core.seam.recipients.elsewhere` said.
    """
    domain, tenant = to.domain, to.domain.tenant
    sender = Sender(mail_from=envelope.mail_from, header_from=header_from, client_ip=envelope.client_ip)
    now_ms = core.clock()
    context = ScanContext(
        resolver=core.resolver,
        workers=core.workers,
        clock=lambda: datetime.fromtimestamp(core.clock() / 1000, UTC),
        hostname=core.config.hostname,
        policy=policy_of(domain),
        lists=await lists.relevant(tx, tenant, sender, to.canonical, now_ms),
        unfiltered=await _unfiltered(tx, to),
        own_domains=await core.seam.own_domains.get(tx, domain),
        listed=(await reputation.standing(tx, tenant, envelope.client_ip, now_ms)).listed,
        classifier=await core.seam.classifiers.get(tx, tenant),
    )
    return Settings(context, await host_of(core, tx, domain, elsewhere))


def policy_of(domain: Domain) -> DomainPolicy:
    """A domain's record as the engine weighs by it."""
    policy, own = domain.policy, HeaderNames()
    return DomainPolicy(
        thresholds=policy.thresholds,
        action=policy.action,
        headers=HeaderNames(
            flag=policy.header_name or own.flag, flag_value=policy.header_value or own.flag_value
        ),
        **{"subject_prefix": PREFIX, **options_of(domain.settings)},
    )


async def _unfiltered(tx: AsyncConnection, to: Addressed) -> frozenset[str]:
    """Recipients who want no filtering; `compute` leaves it to the domain, which filters."""
    if to.domain.policy.overrides_recipients:
        return frozenset()
    row = recipients.c
    wanted = {owner_address(one) for one in to.canonical}
    mine = select(row.email).where(
        row.tenant == to.domain.tenant, row.email.in_(sorted(wanted)), row.filter == "false"
    )
    return frozenset((await tx.execute(mine)).scalars())
