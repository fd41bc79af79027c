"""What a domain's records should be: from who hosts its mail, its own settings, and the configuration."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.config import CoreConfig
from core.dns.dkim import parse_dkim
from core.dns.expected import DmarcPolicy, Expected, MailServer, Txt
from core.dns.names import within
from core.dns.verify import LABEL
from core.service.core import Core
from core.store import dns
from core.store.tables import dkim_keys, domains
from core.upstream.errors import NotThere
from core.upstream.provider import HostedRecords, MailProvider
from hub.web.errors import NotFound

__all__ = ["expected", "targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Own:
    """What the service itself knows of a domain."""

    token: str
    """Proves whose the domain is; empty once that is proven."""
    is_hosting: bool
    dkim: Txt | None
    policy: str | None


async def expected(core: Core, tenant: str, domain: str) -> Expected:
    """The mail host's wishes, where it has any; the configuration's mail servers in front of them.

    Raises `NotFound` for a domain that is not the tenant's, and `ProviderError` when the mail host cannot be
    asked. Opens a transaction of its own: call it outside of any.
    """
    async with core.database.read() as tx:
        own = await _own(tx, tenant, domain)
    provider = core.upstream(tenant)
    records = await provider.records(domain)
    is_registered, is_hosting = await _standing(provider, domain)
    config = core.config
    mail, webmail = targets(config)
    return Expected(
        mx=_servers(config) or records.mx,
        spf=config.spf_record or records.spf,
        dkim=records.dkim or own.dkim,
        verification=_verification(records, own, domain),
        mail_target=mail,
        webmail_target=webmail,
        dmarc=DmarcPolicy(default=config.dmarc_record, custom=own.policy),
        is_hosting=is_hosting and own.is_hosting,
        is_registered=is_registered,
    )


def targets(config: CoreConfig) -> tuple[str, str]:
    """Where `mail.<domain>` and `webmail.<domain>` lead; empty where no server is known."""
    mail = config.mail_host or (config.mxroute.server if config.mxroute else "")
    return mail, config.webmail_host or mail


async def _standing(provider: MailProvider, domain: str) -> tuple[bool, bool]:
    """Whether the host knows the domain, and whether it takes mail for it."""
    try:
        known = await provider.domain(domain)
    except NotThere:
        return False, True
    return True, known.is_hosting


def _servers(config: CoreConfig) -> tuple[MailServer, ...]:
    return tuple(MailServer(priority=each.priority, host=each.host) for each in config.mail_servers)


def _verification(records: HostedRecords, own: _Own, domain: str) -> Txt | None:
    """The host's proof of ownership; else ours, until it was given."""
    if records.verification is not None or not own.token:
        return records.verification
    return Txt(name=within(LABEL, domain), value=own.token)


async def _own(tx: AsyncConnection, tenant: str, domain: str) -> _Own:
    wanted = select(domains.c.verified, domains.c.verify_token, domains.c.mail_hosting)
    mine = (domains.c.tenant == tenant) & (domains.c.name == domain)
    row = (await tx.execute(wanted.where(mine))).first()
    if row is None:
        raise NotFound(f"There is no domain {domain}.")
    return _Own(
        token="" if row.verified else row.verify_token,
        is_hosting=row.mail_hosting,
        dkim=await _dkim(tx, domain),
        policy=await dns.policy(tx, tenant, domain),
    )


async def _dkim(tx: AsyncConnection, domain: str) -> Txt | None:
    """The newest key that signs for the domain here, if it can be published."""
    keys = dkim_keys.c
    wanted = select(keys.selector, keys.public_key).where(keys.domain == domain, keys.retired_ms.is_(None))
    row = (await tx.execute(wanted.order_by(keys.created_ms.desc(), keys.selector).limit(1))).first()
    if row is None or not row.public_key:
        return None
    text = row.public_key if row.public_key.startswith("v=") else f"v=DKIM1; k=rsa; p={row.public_key}"
    name = within(f"{row.selector}._domainkey", domain)
    return Txt(name=name, value=text) if parse_dkim(text).is_valid else None
