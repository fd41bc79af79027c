"""One hub process: opened in order, closed in reverse order.

    store -> archive -> recorder -> archive's writer, router, senders, upkeep, jobs (work)
                                 -> ingest, API, command line's socket (serve)

Stop order: accept nothing new, flush what was accepted, settle what is being sent, give leases back, the
server last.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

import orjson
import stamina
import structlog

from hub.api.services import Readers, Services
from hub.app.archive import open_reader
from hub.app.backup.manifest import NO_EXTRAS, Extras
from hub.app.beside import Beside
from hub.app.front import Front
from hub.app.observe import OWN_SOURCE, Observers
from hub.app.sources import doors, polls
from hub.app.store import Store, open_store
from hub.app.work import Work
from hub.config.model import Settings
from hub.pipeline.closed import ClosedTenants
from hub.pipeline.keep import Keeper
from hub.pipeline.record import Recorder
from hub.pipeline.replay import Replays
from hub.registry import Registry
from hub.sdk.lifetime import Opening
from hub.store.base import Unavailable

__all__ = ["Hub", "Role", "now_ms"]

Role = Literal["serve", "work", "answer"]
"""`serve`: webhooks and the API; `work`: everything behind the log; `answer`: the API beside `work`."""
START_S = 30.0
_FIXED = ("listen", "data", "redis_url", "jobs_redis_url", "accept_weaker", "log", "archive", "ingest")
"""Settings that a running process cannot change."""
_logger = structlog.get_logger("hub.app")


def now_ms() -> int:
    """Wall clock, epoch milliseconds."""
    return time.time_ns() // 1_000_000


class Hub(Opening):
    """`async with Hub(settings, roles)`; `url` and `socket` are known after entering."""

    store: Store
    observers: Observers
    keeper: Keeper
    services: Services

    def __init__(
        self,
        settings: Settings,
        roles: frozenset[Role],
        *,
        registry: Registry | None = None,
        clock: Callable[[], int] = now_ms,
        extras: Extras = NO_EXTRAS,
        believe_log: bool = False,
    ) -> None:
        """`believe_log`: an archive that was moved away begins anew behind what the log forgot."""
        super().__init__()
        self.settings = settings
        self.believe_log = believe_log
        self.extras = extras
        """What a back-up takes beside log and archive; a reload may replace it."""
        self.registry = registry or Registry()
        self.roles = roles
        self.now_ms = clock
        self.beside: Beside | None = None
        """Joined by the composition root once it runs."""
        self.work: Work | None = None
        self.front: Front | None = None

    @property
    def url(self) -> str:
        """Of the public listener; empty where nothing is served."""
        return self.front.url if self.front else ""

    @property
    def socket(self) -> Path | None:
        """The command line's."""
        return self.front.socket if self.front else None

    async def __aenter__(self) -> Self:
        """Raises `StoreError` or `ArchiveError`; a log that cannot be reached is tried for half a minute."""
        async for attempt in stamina.retry_context(
            on=Unavailable, attempts=None, timeout=START_S, wait_max=2.0
        ):
            with attempt:
                await super().__aenter__()
        return self

    async def _open(self) -> None:
        self.settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack = self._stack
        self.store = await stack.enter_async_context(open_store(self.settings))
        self.readers = Readers()
        stack.callback(self.readers.close)
        self.archive = await open_reader(self.settings)
        stack.callback(self.archive.close)
        self.observers = Observers(self.store.state, self.registry.source(OWN_SOURCE), now_ms=self.now_ms)
        await stack.enter_async_context(self.observers)
        self.store.log.tell_lost = self.observers.log_rolled_back
        self.recorder = Recorder(self.store.log, now_ms=self.now_ms, recorded=self._recorded)
        await self.recorder.start()
        stack.push_async_callback(self.recorder.stop)
        self.observers.record_health(self.recorder, self.settings.tenant)
        self.replays = Replays(self.store.log, self.archive, self.store.state, now_ms=self.now_ms)
        self.closed = ClosedTenants(
            self.store.state.closed_tenants, lambda: self.readers.run(self.archive.prune)
        )
        await self.closed.start()
        stack.push_async_callback(self.closed.stop)
        await self._publish(self.settings)
        if "work" in self.roles:
            self.work = Work(self)
            self.keeper = self.work.keeper
            await self.work.start(stack)
        if self.roles & {"serve", "answer"}:
            self.front = Front(self)
            self.services = self.front.services
            await self.front.start(stack)

    def _recorded(self) -> None:
        if self.work is not None:
            self.work.flow.recorded()

    # -- while it runs ---------------------------------------------------------------------------------------
    async def _publish(self, settings: Settings) -> None:
        """Bring the route table in line with the configuration, and begin what `from` asks for."""
        await self.replays.renamed()  # before a name that became free is somebody else's
        routes = orjson.dumps(settings.routes(), option=orjson.OPT_SORT_KEYS).decode()
        await self.store.log.publish(routes, sorted(settings.connectors), now_ms=self.now_ms())
        if "work" in self.roles:
            for name, config in settings.connectors.items():
                if config.start_ms is not None:
                    await self.replays.backfill(name, config.start_ms, config.rules())

    async def reload(self, settings: Settings) -> None:
        """Take new settings without losing anything (SIGHUP): sources, connectors, routes, secrets. What
        needs a new process is said.

        Raises `StoreError` when the log cannot be reached; the old settings stay in force then.
        """
        changed = [key for key in _FIXED if getattr(settings, key) != getattr(self.settings, key)]
        if changed:
            _logger.warning("hub.reload.needs_restart", keys=changed)
        new_doors, new_polls = doors(settings, self.registry), polls(settings, self.registry)
        await self._publish(settings)
        old, self.settings = self.settings, settings
        if self.front is not None:
            self.front.reload(settings, new_doors)
        if self.work is not None:
            await self.work.reload(old, settings, new_polls)
