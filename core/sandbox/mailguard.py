"""A MailGuard to run beside the hub: made mail, a real filter, its quarantine, audit log, API and webhooks.

Everything that it reports arose from its state. It runs in the caller's event loop. Stopped and started
again on the same directory it carries on.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from aiohttp import web
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit import retention
from core.dialects.dialect import create_app
from core.dialects.mailguard.app import MAILGUARD
from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.engine.verdict import Judgement
from core.outward.policy import Policy
from core.sandbox.cluster import Cluster
from core.sandbox.estate import Pace, install, key_text, licence_server, renew
from core.sandbox.faults import Faults
from core.sandbox.hook import QUICK, Hook, point
from core.sandbox.mailgen import DOMAINS, MailGenerator
from core.sandbox.people import act
from core.sandbox.service import service_of
from core.service import detectors, intake
from core.service.core import Core
from core.store import meta, quarantine
from core.store.clock import DAY_MS, Clock, wall_clock
from core.store.database import Database, sqlite_url

__all__ = ["MailGuardSandbox"]

_LOG = logging.getLogger("core.sandbox")
_MAX_BATCH = 50
_AUDIT_KEPT_MS = 365 * DAY_MS
_ENDED_KEPT_MS = DAY_MS
_FORM = "mailguard"
_ANYWHERE = ("0.0.0.0/0", "::/0")
"""Who starts a sandbox says where it pushes: to the hub beside it, on whatever address that listens."""
_POLICY = Policy(retries=QUICK, probes=QUICK, keep_ms=DAY_MS, parallel=1)


class MailGuardSandbox:
    """`async with` it, or call `start` and `stop`.

    Args:
        data_dir: its own directory, made when it is missing (mode 0700).
        redis: where events wait for their delivery; replies are bytes.
        listen: `host:port` of its API; port 0 takes a free one.
        webhook_url: where events are pushed; without one they are only kept for their API.
        webhook_secret: what pushes are signed with.
        mails_per_s: average rate of made mail; 0 = none but what `deliver` makes.
        seed: of mail and people; with every start on the same directory the stream goes on differently.
        nodes: names of the cluster's nodes; the first is this one, the others come and go.

    Raises `ValueError` when `listen` is no address or `nodes` is empty.
    """

    def __init__(
        self,
        data_dir: Path,
        redis: Redis,
        *,
        listen: str = "127.0.0.1:0",
        webhook_url: str | None = None,
        webhook_secret: str = "",
        mails_per_s: float = 4.0,
        seed: int = 1,
        nodes: Sequence[str] = ("node-1", "node-2"),
        pace: Pace | None = None,
        policy: Policy | None = None,
        clock: Clock = wall_clock,
        faults: Faults | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.faults = faults or Faults(seed=seed)
        self.database = Database(sqlite_url(data_dir / "mailguard.sqlite3"), exclusive=True)
        self.api_key = ""
        """A `read-only` key, for polling. Known after `start`; kept in the file `api-key`."""
        self.admin_key = ""
        """A `full-admin` key; kept in the file `admin-key`."""
        self._host, self._port = _address(listen)
        self._redis = redis
        self._hook = Hook(url=webhook_url, secret=webhook_secret) if webhook_url else None
        self._mails_per_s = mails_per_s
        self._seed = seed
        self._pace = pace or Pace()
        self._clock = clock
        self._cluster = Cluster(tuple(nodes), self._pace, random.Random(seed))  # noqa: S311 -- a made world
        self._policy = replace(policy or _POLICY, allow_networks=_ANYWHERE)
        self._rng = random.Random(seed)  # noqa: S311 -- a made world
        self._mail = MailGenerator(seed)
        self.core: Core
        """The service that it runs on. Known after `start`."""
        self._stack = AsyncExitStack()
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def url(self) -> str:
        """`http://host:port`, with the port that was really taken."""
        return f"http://{self._host}:{self._port}"

    @property
    def api_url(self) -> str:
        """Where MailGuard's endpoints begin."""
        return f"{self.url}/api/v1"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Open the store, listen, begin to work.

        Raises `OSError` (directory, address), `core.store.database.InUse` and `Unavailable`,
        `core.store.migrations.NewerSchema`.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            await self.database.open()
            async with self.database.begin() as tx:
                await self._prepare(tx)
            await self._keys()
            await self._serve()
            await self._listen()
        except BaseException:
            await self.stop()
            raise
        self._tasks = [
            asyncio.create_task(self._kept_alive(work), name=name)
            for name, work in (
                ("sandbox-mail", self._traffic),
                ("sandbox-chores", self._chores),
                ("sandbox-people", self._people),
            )
        ]

    async def stop(self) -> None:
        """Stop listening and working; nothing that was committed is lost."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        await self._stack.aclose()
        await self.database.close()

    async def deliver(self, kind: str | None = None, count: int = 1) -> list[Judgement]:
        """Filter `count` made messages now, of a kind of `core.sandbox.recipes`, and return the verdicts."""
        async with self.database.begin() as tx:
            verdicts = await self._filter(tx, kind, count)
        self.core.outward.wake()
        return verdicts

    async def tick(self) -> None:
        """Do the chores of one moment: heartbeats, detectors, renewals."""
        async with self.database.begin() as tx:
            await self._chore(tx)
        self.core.outward.wake()

    async def _prepare(self, tx: AsyncConnection) -> None:
        now_ms = self._clock()
        await install(tx, DOMAINS, self._pace, now_ms)
        start = await meta.count_up(tx, "starts")
        self._mail = MailGenerator(self._seed * 1_000_003 + start)
        self._rng.seed(self._seed * 1_000_003 + start)
        await self._cluster.begin(tx, now_ms)

    async def _serve(self) -> None:
        self.core = await service_of(
            self.database,
            self._redis,
            self.data_dir,
            self._cluster.own,
            self._clock,
            self._stack,
            policy=self._policy,
        )
        await point(self.core, self._hook, _FORM, EVENT_NAMES)
        await self._stack.enter_async_context(self.core.outward)

    async def _keys(self) -> None:
        place = self.data_dir
        self.api_key = await key_text(self.database, self._clock, place / "api-key", "read-only")
        self.admin_key = await key_text(self.database, self._clock, place / "admin-key", "full-admin")

    async def _listen(self) -> None:
        app = create_app(self.core, MAILGUARD, [self.faults.middleware(MAILGUARD.form, "/api/")])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])

    async def _kept_alive(self, work: Callable[[], Awaitable[None]]) -> None:
        """A full disk or a locked file ends a round, not the sandbox."""
        while True:
            try:
                await work()
            except (
                Exception
            ):  # logged with its trace; the state on disk is whole, so the work can begin again
                _LOG.exception("the sandbox failed in its background work and goes on")
            await asyncio.sleep(1.0)

    async def _traffic(self) -> None:
        """The first message is a phishing attempt, so that there is something to see at once."""
        if self._mails_per_s <= 0:
            await asyncio.Event().wait()
        await self.deliver("phishing")
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += self._rng.expovariate(self._mails_per_s)
            count = 1
            while due_s < loop.time() and count < _MAX_BATCH:
                due_s += self._rng.expovariate(self._mails_per_s)
                count += 1
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
            await self.deliver(count=count)

    async def _chores(self) -> None:
        while True:
            await self.tick()
            await asyncio.sleep(self._pace.tick_s)

    async def _people(self) -> None:
        """Beside the chores: a release takes its time, a partner that comes and goes is to be seen."""
        while True:
            await asyncio.sleep(self._pace.operator_every_s)
            await act(self.core, self._rng)
            self.core.outward.wake()

    async def _filter(self, tx: AsyncConnection, kind: str | None, count: int) -> list[Judgement]:
        verdicts = []
        for _ in range(count):
            now_ms = self._clock()
            made = self._mail.make(now_ms, kind)
            node_id = await self._cluster.pick(tx)
            chain = self.core.chain.at(self._clock, node_id=node_id)
            verdicts.append(await intake.accept(tx, made.raw, made.envelope, chain, now_ms))
        return verdicts

    async def _chore(self, tx: AsyncConnection) -> None:
        now_ms = self._clock()
        chain = self.core.chain
        await self._cluster.beat(tx, chain, now_ms)
        watch = detectors.Watch(limits=self._pace.limits, licence_server=licence_server)
        await detectors.detect(tx, chain, watch, now_ms)
        await renew(tx, chain, self._pace, now_ms)
        await retention.prune(tx, chain, now_ms - _AUDIT_KEPT_MS)
        await quarantine.purge(tx, now_ms - _ENDED_KEPT_MS)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:  # noqa: PLR2004 -- the last port
        raise ValueError(f"listen: {listen!r} is not HOST:PORT, for example 127.0.0.1:0")
    return host, int(port)
