"""What every service of the core works with: made once by `core.app`, handed to each call."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.audit.chain import Chain
from core.audit.files import ExportFiles
from core.config import CoreConfig
from core.dns.answers import Resolver
from core.dns.provider import DnsProvider
from core.outward.post import Outward
from core.paging.cursor import Cursors
from core.seam.parts import Seam
from core.service.errands import Errands
from core.service.postman import Postman
from core.store.clock import Clock
from core.store.database import Database
from core.upstream.provider import MailProvider
from hub.access.directory import Directory
from hub.access.keyring import Keyring
from hub.access.limiter import Limiter
from hub.access.oidc import Oidc
from hub.access.sessions import Sessions
from hub.access.sign_in import SignIn
from hub.access.totp import SecondFactor
from hub.sdk.offload import Offload
from hub.web.idempotency import IdempotencyStore

__all__ = ["Access", "Core"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Keys and people. Their tables lie in the core's database: a change and its audit entry are one."""

    keyring: Keyring
    directory: Directory
    sessions: Sessions
    sign_in: SignIn
    second: SecondFactor
    limiter: Limiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One process of the service.

    `data` is the folder of what is not in the database: the spool, quarantined messages, audit anchors.
    `upstream` gives who hosts a tenant's mailboxes. `dns_provider` is None where there are no credentials,
    `oidc` where no provider is configured, `postman` where there is no relay for the service's own mail.
    `errands` is work that goes on after the answer, `outward` what sends events to webhooks and people,
    `exports` remembers where entries lie in exports of the audit log.
    """

    config: CoreConfig
    data: Path
    database: Database
    access: Access
    chain: Chain
    cursors: Cursors
    clock: Clock
    node_id: str
    resolver: Resolver
    workers: Offload
    idempotency: IdempotencyStore
    upstream: Callable[[str], MailProvider]
    seam: Seam
    outward: Outward
    dns_provider: DnsProvider | None = None
    oidc: Oidc | None = None
    postman: Postman | None = None
    errands: Errands = field(default_factory=Errands)
    exports: ExportFiles = field(default_factory=ExportFiles)
