"""Parts of the service from its configuration."""

from collections.abc import Callable
from contextlib import AsyncExitStack

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.access import AccessAudit
from core.audit.chain import Chain
from core.audit.keys import derive
from core.config import CoreConfig
from core.detectors.event import Event, tell
from core.dns.cloudflare import Cloudflare
from core.dns.provider import DnsProvider
from core.outward.policy import Policy
from core.outward.post import FAMILY, Outward
from core.seam.parts import Seam
from core.service.access_changes import AccessChanges
from core.service.core import Access
from core.service.postman import Postman
from core.store.clock import DAY_MS, Clock
from core.store.database import Database
from core.store.webhooks import Webhook
from core.upstream.local import LocalProvider
from core.upstream.mxroute import MxRoute
from core.upstream.provider import MailProvider
from hub.access.directory import Directory
from hub.access.keyring import Keyring
from hub.access.limiter import Limiter
from hub.access.oidc import Oidc, Provider
from hub.access.passwords import Passwords
from hub.access.secret_text import Sealer
from hub.access.sessions import Sessions
from hub.access.sign_in import SignIn
from hub.access.totp import SecondFactor
from hub.sdk.http import Client, redact

__all__ = ["access_of", "dns_provider_of", "oidc_of", "outward_of", "postman_of", "seam_of", "upstream_of"]

_DEADLINE_S = 30.0
_MAX_BYTES = 8 * 1024 * 1024


def access_of(
    database: Database,
    redis: Redis,
    chain: Chain,
    key: bytes,
    clock: Clock,
    passwords: Passwords | None = None,
) -> Access:
    """Keys and people over the core's own database; `key` is the service's secret outside it."""
    audit = AccessChanges(AccessAudit(chain), node_id=chain.node_id, clock=clock)
    passwords = passwords or Passwords()
    second = SecondFactor(database, Sealer(derive(key, "seal")), audit=audit, clock_ms=clock)
    limiter = Limiter(redis)
    return Access(
        keyring=Keyring(database, audit=audit, clock_ms=clock),
        directory=Directory(database, passwords, audit=audit, clock_ms=clock),
        sessions=Sessions(database, clock_ms=clock),
        sign_in=SignIn(database, passwords, second, limiter, audit=audit, clock_ms=clock),
        second=second,
        limiter=limiter,
    )


def _client(config: CoreConfig, stack: AsyncExitStack) -> Client:
    client = Client(deadline_s=_DEADLINE_S, max_bytes=_MAX_BYTES, allow_networks=config.allow_networks)
    stack.push_async_callback(client.close)
    return client


def dns_provider_of(config: CoreConfig, stack: AsyncExitStack) -> DnsProvider | None:
    """Who holds the zones; None where no credentials are configured."""
    given = config.cloudflare
    if given is None:
        return None
    return Cloudflare(_client(config, stack), given.token.get_secret_value(), url=given.api)


def upstream_of(
    config: CoreConfig, database: Database, clock: Clock, stack: AsyncExitStack
) -> Callable[[str], MailProvider]:
    """Who hosts a tenant's mailboxes: MXroute where it is configured, else the service itself."""
    given = config.mxroute
    if given is None:
        return lambda tenant: LocalProvider(database, tenant, clock=clock)
    hosted = MxRoute(
        _client(config, stack),
        server=given.server,
        username=given.username,
        api_key=given.api_key.get_secret_value(),
        url=given.api,
    )
    return lambda _: hosted


def oidc_of(config: CoreConfig, database: Database, clock: Clock, stack: AsyncExitStack) -> Oidc | None:
    """Where people may sign in besides here; None where no provider is configured."""
    given = config.oidc
    if given is None:
        return None
    provider = Provider(
        issuer=given.issuer,
        client_id=given.client_id,
        client_secret=given.client_secret.get_secret_value(),
        redirect_uri=given.redirect_uri,
        scopes=given.scopes,
    )
    return Oidc(provider, _client(config, stack), database, clock_ms=clock)


def postman_of(config: CoreConfig) -> Postman | None:
    """Who takes the service's own mail; None where that is not configured whole."""
    if config.smtp_relay is None or not config.mail_from:
        return None
    return Postman(config.smtp_relay, sender=config.mail_from, hostname=config.hostname)


def seam_of(config: CoreConfig, stack: AsyncExitStack) -> Seam:
    """Where mail comes in. Raises `ValueError` for a network of `allow_networks` that is none."""
    seam = Seam(config)
    stack.push_async_callback(seam.close)
    return seam


def outward_of(
    config: CoreConfig,
    database: Database,
    redis: Redis,
    chain: Chain,
    key: bytes,
    clock: Clock,
    *,
    policy: Policy | None = None,
    family: str = FAMILY,
) -> Outward:
    """What sends events; not running yet. Raises `ValueError` for a network that is none."""

    async def disabled(tx: AsyncConnection, webhook: Webhook, reason: str) -> None:
        told = Event(
            name="webhook.disabled",
            resource=f"webhook/{webhook.id}",
            data={"webhook": webhook.id, "url": redact(webhook.url), "reason": reason},
            tenant=webhook.tenant,
        )
        await tell(tx, chain, clock(), [told])

    policy = policy or Policy(allow_networks=config.allow_networks, keep_ms=config.outbox_days * DAY_MS)
    sealer = Sealer(derive(key, "outward"))
    return Outward(database, redis, sealer, disabled=disabled, clock=clock, policy=policy, family=family)
