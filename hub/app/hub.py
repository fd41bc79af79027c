"""One hub process: opened in order, closed in reverse order.

    store -> archive -> flow (work) -> ingest and API (serve) -> jobs (work)

Stop order: accept nothing new, flush what was accepted, settle what is being sent, give leases back, the
server last.
"""

import os
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal, Self

import orjson
import stamina
import structlog
from aiohttp import web

from hub.api.app import create_app
from hub.api.services import Readers, Services
from hub.app.archive import open_reader, open_writer
from hub.app.backup.manifest import NO_EXTRAS, Extras
from hub.app.backup.take import Backups
from hub.app.call import Caller
from hub.app.connectors import lane_of, make_connector
from hub.app.desk import HubDesk
from hub.app.door import PREFIX, Door
from hub.app.https import https_only
from hub.app.listener import Listener
from hub.app.observe import OWN_SOURCE, Observers
from hub.app.send_test import send_test
from hub.app.sources import doors, polls
from hub.app.store import Store, open_store
from hub.app.upkeep import Upkeep
from hub.config.model import Settings
from hub.jobs.worker import Jobs, redis_settings
from hub.pipeline.capture import Captures
from hub.pipeline.closed import ClosedTenants
from hub.pipeline.digest import Teller
from hub.pipeline.erasing import Erasures
from hub.pipeline.flow import Flow
from hub.pipeline.ingest import Ingest, IngestLimits
from hub.pipeline.keep import Keeper
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.poll import Poller
from hub.pipeline.record import Recorder
from hub.pipeline.replay import Replays, base_of
from hub.pipeline.route import Router
from hub.pipeline.schedule import Walks
from hub.pipeline.send import Sender
from hub.registry import Registry
from hub.store.base import Unavailable
from hub.telemetry.metrics import METRICS

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


class Hub:
    """`async with Hub(settings, roles)`; `url` and `socket` are known after entering."""

    def __init__(
        self,
        settings: Settings,
        roles: frozenset[Role],
        *,
        registry: Registry | None = None,
        clock: Callable[[], int] = now_ms,
        extras: Extras = NO_EXTRAS,
    ) -> None:
        self.settings = settings
        self.extras = extras
        """What a back-up takes beside log and archive; a reload may replace it."""
        self.registry = registry or Registry()
        self.roles = roles
        self.url = ""
        self.socket: Path | None = None
        self.now_ms = clock
        self._stack = AsyncExitStack()
        self.observers: Observers
        self.store: Store
        self.services: Services
        self.keeper: Keeper
        self._ingest: Ingest | None = None
        self._walks: Walks | None = None
        self._lanes: Lanes | None = None
        self._flow: Flow | None = None
        self._tls_context: ssl.SSLContext | None = None

    async def __aenter__(self) -> Self:
        """Raises `StoreError` or `ArchiveError`; a log that cannot be reached is tried for half a minute."""
        async for attempt in stamina.retry_context(
            on=Unavailable, attempts=None, timeout=START_S, wait_max=2.0
        ):
            with attempt:
                try:
                    await self._open()
                except BaseException:
                    await self._stack.aclose()
                    raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        self.settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.store = await self._stack.enter_async_context(open_store(self.settings))
        self.readers = Readers()
        self._stack.callback(self.readers.close)
        self.archive = await open_reader(self.settings)
        self._stack.callback(self.archive.close)
        self.observers = Observers(self.store.state, self.registry.source(OWN_SOURCE), now_ms=self.now_ms)
        await self._stack.enter_async_context(self.observers)
        self.recorder = Recorder(self.store.log, now_ms=self.now_ms, recorded=self._recorded)
        await self.recorder.start()
        self._stack.push_async_callback(self.recorder.stop)
        self.observers.record_health(self.recorder, self.settings.tenant)
        self.replays = Replays(self.store.log, self.archive, self.store.state, now_ms=self.now_ms)
        self.closed = ClosedTenants(
            self.store.state.closed_tenants, lambda: self.readers.run(self.archive.prune)
        )
        await self.closed.start()
        self._stack.push_async_callback(self.closed.stop)
        await self._publish(self.settings)
        if "work" in self.roles:
            await self._work()
        if self.roles & {"serve", "answer"}:
            await self._serve()

    def _recorded(self) -> None:
        if self._flow is not None:
            self._flow.recorded()

    # -- work ------------------------------------------------------------------------------------------------
    async def _work(self) -> None:
        log = self.store.log
        payloads = Payloads(
            log,
            lambda seqs: self.readers.run(self.archive.entries, log.partition, seqs),
            lambda seqs: self.readers.run(self.archive.erased, log.partition, seqs),
            closed=self.closed,
        )
        self._lanes = Lanes(log, lambda row: self._sender(row, payloads), now_ms=self.now_ms)
        self.keeper = Keeper(
            log, payloads, lambda: open_writer(self.settings, log), stalled=self.observers.archive_stalled
        )
        self._stack.callback(self.keeper.close)
        await self.keeper.turn()  # an archive that cannot be written is said at start
        self._flow = Flow(
            log,
            router=lambda wake: Router(log, payloads, wake=wake),
            keeper=self.keeper,
            lanes=self._lanes,
            now_ms=self.now_ms,
            alone="serve" in self.roles and self.settings.redis_url is None,
        )
        await self._flow.start()
        self._stack.push_async_callback(self._flow.stop)
        upkeep = Upkeep(self, self._lanes)
        await upkeep.start()
        self._stack.push_async_callback(upkeep.stop)
        caller = Caller(lambda: self.settings, self.store.state, now_ms=self.now_ms)
        self._stack.push_async_callback(caller.close)
        self._walks = Walks(
            self.store.state,
            Poller(log, self.observers, now_ms=self.now_ms, closed=self.closed),
            polls=polls(self.settings, self.registry),
            call=caller.of,
            walked=self.observers.walked,
            now_ms=self.now_ms,
        )
        await self._walks.adopt()
        desk = HubDesk(self, self._walks, self.replays)
        jobs = Jobs(desk, redis_settings(self.settings.jobs_redis_url or self.store.url))
        await jobs.start()
        self._stack.push_async_callback(jobs.stop)

    def _sender(self, row: str, payloads: Payloads) -> Sender | None:
        lane = lane_of(row, self.settings, self.registry)
        if lane is None:
            return None
        connector = make_connector(base_of(row), self.settings.connectors[base_of(row)], self.registry)
        return Sender(
            lane,
            connector,
            self.store.log,
            payloads,
            now_ms=self.now_ms,
            take=self._take,
            observer=self.observers,
            tell=Teller(
                self.registry.source(OWN_SOURCE), source=OWN_SOURCE, tenant=self.settings.tenant
            ).entry,
        )

    async def _take(self, bucket: str, rate_per_s: float, n: int) -> float:
        wait = await self.store.state.take(bucket, rate_per_s, max(rate_per_s, 1.0), n, self.now_ms())
        return wait / 1000

    # -- serve -----------------------------------------------------------------------------------------------
    async def _serve(self) -> None:
        captures = Captures(self.settings.data / "captures", now_ms=self.now_ms)
        self.services = Services(
            log=self.store.log,
            state=self.store.state,
            archive=self.archive,
            settings=self.settings,
            replays=self.replays,
            erasures=Erasures(
                self.store.log, self.archive, self.store.state, look=self.closed.look, now_ms=self.now_ms
            ),
            captures=captures,
            ready=self.store.ready,
            backups=self._backups(),
            send_test=lambda name, kind: send_test(
                name, kind, self.settings, self.registry, now_ms=self.now_ms()
            ),
            readers=self.readers,
            metrics=METRICS,
        )
        if "serve" not in self.roles:
            await self._listen(None)
            return
        self.observers.captures = captures
        limits = self.settings.ingest
        self._ingest = Ingest(
            doors(self.settings, self.registry),
            self.recorder.commit,
            self.observers,
            limits=IngestLimits(
                max_body_bytes=limits.max_body_bytes,
                max_inflated_bytes=limits.max_inflated_bytes,
                max_events=limits.max_events,
            ),
            now_ms=self.now_ms,
            closed=self.store.closed,
            erased=self.closed,
        )
        door = Door(
            self._ingest,
            read_timeout_s=limits.read_timeout_s,
            max_in_flight_bytes=limits.max_in_flight_bytes,
        )
        await self._listen(door)
        await self._listen_privately()

    def _backups(self) -> Backups | None:
        """Of a hub that has everything in this process; another's log is another's to copy."""
        if self.settings.redis_url is not None or "work" not in self.roles:
            return None
        return Backups(
            lambda: self.settings, self.store.log, self.store.url, self.keeper, lambda: self.extras
        )

    async def _listen(self, door: Door | None) -> None:
        settings = self.settings
        public = Listener(
            create_app(
                self.services,
                trusted=False,
                extra_routes=[web.post("/in/{source}", door.post)] if door else [],
            ),
            max_connections=settings.ingest.max_connections,
            direct=(PREFIX, door.post) if door else None,
            refuse=https_only(settings),
        )
        self._stack.push_async_callback(public.stop)
        host, port = settings.address
        port = await public.start_tcp(host, port, self._tls())
        shown = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if settings.tls else 'http'}://{shown}:{port}"

    async def _listen_privately(self) -> None:
        """The unix socket of the command line, and the file that says where it is."""
        private = Listener(create_app(self.services, trusted=True), max_connections=64)
        self._stack.push_async_callback(private.stop)
        self.socket = self.store.runtime / "api.sock"
        self.socket.unlink(missing_ok=True)
        await private.start_unix(str(self.socket))
        self.socket.chmod(0o600)
        runtime = self.settings.data / "runtime.json"
        runtime.write_bytes(orjson.dumps({"socket": str(self.socket), "url": self.url, "pid": os.getpid()}))
        self._stack.callback(runtime.unlink, missing_ok=True)

    def _tls(self) -> ssl.SSLContext | None:
        """The certificate as it is on the disk now; a reload reads it again into the same context."""
        if self.settings.tls is None:
            return None
        if self._tls_context is None:
            self._tls_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls_context.load_cert_chain(self.settings.tls.cert, self.settings.tls.key)
        return self._tls_context

    # -- while it runs ---------------------------------------------------------------------------------------
    async def _publish(self, settings: Settings) -> None:
        """Bring the route table in line with the configuration, and begin what `from` asks for."""
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
        if self._tls_context is not None:
            self._tls()
        if self.roles & {"serve", "answer"}:
            self.services.settings = settings
        if self._ingest is not None:
            self._ingest.doors = new_doors
        if self._walks is not None:
            self._walks.polls = new_polls
            await self._walks.adopt()
        if self._lanes is not None:
            await self._reopen(self._lanes, old, settings)

    async def _reopen(self, lanes: Lanes, old: Settings, new: Settings) -> None:
        """Lanes whose connectors were changed begin anew. One that was blocked is tried now: its next probe
        may be a day away, and the change is most likely what it waited for.
        """

        def is_changed(row: str) -> bool:
            return old.connectors.get(base_of(row)) != new.connectors.get(base_of(row))

        for row in filter(is_changed, lanes.names()):
            await lanes.close(row)
        now = self.now_ms()
        for blocked in await self.store.log.rows(now_ms=now):
            if blocked.state == "blocked" and is_changed(blocked.name):  # until the probe says otherwise
                await self.store.log.block(blocked.name, blocked.reason, now, now_ms=now)
