"""One process of the core: opened in order, closed in reverse order.

database -> keys, audit chain -> heart, detectors, anchors -> API
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType

from redis.asyncio import Redis

from core.app import gauges
from core.app.alone import alone
from core.app.assemble import (
    access_of,
    dns_provider_of,
    oidc_of,
    outward_of,
    postman_of,
    seam_of,
    upstream_of,
)
from core.app.dialects import DialectConfig
from core.app.listeners import OWN, Listen, listen, open_all
from core.app.tokens import Tokens
from core.app.watch import scheduler_of
from core.audit import keys
from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchors
from core.audit.chain import Chain
from core.config import CoreConfig
from core.detectors.heart import Heart
from core.detectors.nodes import HEARTBEAT_MS
from core.dns.resolver import NameServers
from core.outward.watch import Watch
from core.paging.cursor import Cursors
from core.seam import older
from core.seam.recovery import Recovery
from core.service import expiry, sweeping
from core.service.core import Core
from core.service.errands import Errands
from core.service.idempotency import SqlIdempotency
from core.store import meta
from core.store.clock import Clock, wall_clock
from core.store.database import Database, claimed, sqlite_url
from hub.sdk.ending import end
from hub.sdk.lasting import lasting
from hub.sdk.lifetime import Opening
from hub.sdk.offload import Offload

__all__ = ["CoreService"]


def _real(core: Core) -> Core:
    return core


class CoreService(Opening):
    """`async with CoreService(...)`; `url` is known after entering.

    Entering raises `OSError` (folder, address), `InUse`, `Unavailable`, `NewerSchema`, `BadKey`, `WrongKey`.

    Args:
        data: its own folder: database, spool, quarantine, audit anchors, keys.
        redis: where limits are counted; replies are bytes.
        environ: of the audit key (`MXHUB_AUDIT_KEY`).
        dialects: vendors' APIs over the same data, by name.
        listen: how it listens; whoever runs it may have bounds and TLS.
        admin_token: of the configuration, asked at every request; empty = there is none.
        hurry: divides the periods of heartbeats and detectors, for tests.
        outside: puts made parts in the place of those that reach the world outside (a sandbox's).

    """

    core: Core
    anchoring: Anchoring

    def __init__(
        self,
        config: CoreConfig,
        data: Path,
        redis: Redis,
        *,
        environ: Mapping[str, str],
        dialects: Mapping[str, DialectConfig] = MappingProxyType({}),
        listen: Listen = listen,
        admin_token: Callable[[], str] = str,
        clock: Clock = wall_clock,
        hurry: float = 1.0,
        outside: Callable[[Core], Core] = _real,
    ) -> None:
        super().__init__()
        self.config = config
        self.data = data
        self.tokens = Tokens(admin_token)
        self.urls: Mapping[str, str] = {}
        """Of its own API (`OWN`) and of each dialect, by name."""
        self.first_token: str | None = None
        """Makes the first administrator, good for a day; None when there is anybody. To be printed."""
        self._dialects = dialects
        self._listen = listen
        self._redis = redis
        self._environ = environ
        self._clock = clock
        self._hurry = hurry
        self._outside = outside

    async def _open(self) -> None:
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack, config = self._stack, self.config
        stack.callback(claimed(self.data / "core.lock").leave)
        database = await stack.enter_async_context(self._database())
        await stack.enter_async_context(alone(database, config.node))
        key = keys.load(self.data, self._environ)
        chain = Chain(key, node_id=config.node, clock=self._clock, told=Watch(config.node, self._clock))
        self.core = self._outside(await self._joined(database, chain, key))
        self.anchoring = Anchoring(database, chain, Anchors(self.data / "anchors", key), clock=self._clock)
        older.look(self.data, await self.anchoring.missing())
        await self._anchored(self.anchoring)
        await stack.enter_async_context(self.core.outward)
        recovery = Recovery(self.core)
        await recovery.restart()
        self._background("recovery", recovery.forever)
        self._background("expiry", partial(expiry.forever, self.core))
        self._background("sweeping", partial(sweeping.forever, self.core))
        self._background("gauges", partial(gauges.forever, self.core))
        self.first_token = await self.core.access.directory.first_token()
        self.urls = await open_all(stack, self.core, self._dialects, listen=self._listen, token=self.tokens)
        self._watch(database, chain)

    def _database(self) -> Database:
        given = self.config.database_url
        url = given.get_secret_value() if given else sqlite_url(self.data / "core.sqlite3")
        return Database(url)

    async def _joined(self, database: Database, chain: Chain, key: bytes) -> Core:
        """What the services share, with the parts that reach the world outside."""
        stack, config = self._stack, self.config
        async with database.begin() as tx:
            await chain.confirm(tx)
            cursor_key = await meta.secret(tx, "cursor_key")
        workers = Offload("core", 2)
        stack.callback(workers.close)
        errands = Errands()
        stack.push_async_callback(errands.close)
        return Core(
            config=config,
            data=self.data,
            database=database,
            access=access_of(database, self._redis, chain, key, self._clock),
            chain=chain,
            cursors=Cursors(cursor_key),
            clock=self._clock,
            node_id=config.node,
            resolver=NameServers(config.name_servers),
            workers=workers,
            idempotency=await self._idempotency(database, key),
            upstream=upstream_of(config, database, self._clock, stack),
            seam=seam_of(config, stack),
            outward=outward_of(config, database, self._redis, chain, key, self._clock),
            dns_provider=dns_provider_of(config, stack),
            oidc=oidc_of(config, database, self._clock, stack),
            postman=postman_of(config),
            errands=errands,
        )

    def _watch(self, database: Database, chain: Chain) -> None:
        every_ms = max(round(HEARTBEAT_MS / self._hurry), 1)
        heart = Heart(database=database, chain=chain, address=self.url, clock=self._clock, every_ms=every_ms)
        self._background("heart", heart.run)
        self._background("detectors", scheduler_of(self.core, hurry=self._hurry).run)

    async def _idempotency(self, database: Database, key: bytes) -> SqlIdempotency:
        secret, node = keys.derive(key, "idempotency"), self.config.node
        made = SqlIdempotency(database, secret, node_id=node, clock=self._clock)
        await made.restart()
        return made

    async def _anchored(self, anchoring: Anchoring) -> None:
        await anchoring.once()
        self._stack.push_async_callback(anchoring.once)
        self._background("anchors", anchoring.forever)

    @property
    def url(self) -> str:
        """Of its own API."""
        return self.urls.get(OWN, "")

    def _background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(lasting(work, f"core {name}"), name=f"core {name}")
        self._stack.push_async_callback(end, task)
