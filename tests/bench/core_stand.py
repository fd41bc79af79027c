"""The core's service on a seeded database, with a real server for its limits and an answering DNS."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import monotonic
from typing import Literal

from core.audit.access import AccessAudit
from core.audit.chain import Chain
from core.detectors.catalogue import period_ms
from core.service.access_changes import AccessChanges
from core.store.clock import wall_clock
from core.store.database import Database, sqlite_url
from core.store.tables import detector_states
from core.store.tenancy import OPERATOR
from hub.access.audit import Actor
from hub.access.keyring import Keyring
from hub.access.principal import Grant
from hub.sdk.lifetime import Opening
from tests.bench import proc
from tests.bench.core_rows import TENANT
from tests.bench.core_seed import AUDIT_KEY, copy_to_postgresql, file_copy
from tests.bench.payload import Target
from tests.bench.stand import CHECKOUT
from tests.factories.dns import DnsServer
from tests.factories.valkey import start_valkey
from tests.servers.postgresql import PostgresProcess

__all__ = ["CoreStand", "Store"]

Store = Literal["sqlite", "postgresql"]
_READY_S = 120.0
_SETTINGS = ("fsync=on", "shared_buffers=256MB")
_PLENTY = 1_000_000_000
_BENCH = Actor(type="local", id="bench", name="bench")


class CoreStand(Opening):
    """`async with CoreStand("sqlite", seed) as stand`; requests with `stand.key` are counted, and granted.

    On PostgreSQL `copy_s` is how long it took to bring the rows there.
    """

    def __init__(self, store: Store, seed: Path) -> None:
        super().__init__()
        self.store: Store = store
        self.key = ""
        self.copy_s = 0.0
        self.pids: dict[str, int] = {}
        self.url = ""
        self._seed = seed
        self._folder = Path(tempfile.mkdtemp(prefix="mxb-core-"))

    async def _open(self) -> None:
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        data = self._folder / "core"
        began = monotonic()
        database = await self._postgresql() if self.store == "postgresql" else ""
        if not database:
            await asyncio.to_thread(file_copy, self._seed, data / "core.sqlite3")
        self.copy_s = monotonic() - began
        await self._prepare(database or sqlite_url(data / "core.sqlite3"))
        redis = start_valkey()
        self._stack.callback(redis.stop)
        assert redis.process is not None
        self.pids["limits"] = redis.process.pid
        dns = await self._stack.enter_async_context(DnsServer(modes={"*": "nxdomain"}))
        arguments = {"data": str(data), "redis": redis.url, "dns": dns.address, "database": database}
        await self._service(data, arguments)

    async def _postgresql(self) -> str:
        server = PostgresProcess(_SETTINGS, below="/tmp")
        self._stack.callback(server.stop)
        server.start()
        assert server.process is not None
        self.pids["postgresql"] = server.process.pid
        url = server.create()
        await copy_to_postgresql(self._seed, url)
        return url

    async def _prepare(self, url: str) -> None:
        """A key that may do everything as often as it likes; DNS checks of all domains come in six hours."""
        chain = Chain(AUDIT_KEY.encode())
        audit = AccessChanges(AccessAudit(chain), node_id=chain.node_id, clock=wall_clock)
        async with Database(url) as database:
            _, self.key = await Keyring(database, audit=audit).make(
                _BENCH, tenant=TENANT, grants=[Grant.of(["full-admin"])], limits={"per_minute": _PLENTY}
            )
            later = wall_clock() + period_ms("dns_health")
            job = {
                "tenant": OPERATOR,
                "detector": "job",
                "subject": "dns_health",
                "state": "",
                "since_ms": later,
            }
            async with database.begin() as tx:
                await tx.execute(detector_states.insert().values(job))

    async def _service(self, data: Path, arguments: dict[str, str]) -> None:
        said, told = self._folder / "said", data.with_suffix(".url")
        with said.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.bench.core_serve", json.dumps(arguments)],
                cwd=CHECKOUT,
                env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
                stdout=output,
                stderr=output,
            )
        self._stack.callback(_end, process)
        ends = monotonic() + _READY_S
        while not told.exists() or not told.read_text():
            if process.poll() is not None or monotonic() > ends:
                raise RuntimeError(f"the core did not start:\n{said.read_text()[-3000:]}")
            await asyncio.sleep(0.02)
        self.url = told.read_text()
        self.pids["core"] = process.pid

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def target(self) -> Target:
        return Target(self.port, status=200)

    def cpu(self) -> dict[str, float]:
        """Role -> CPU seconds so far, with what each has started."""
        return {role: sum(map(proc.cpu_s, proc.tree(pid))) for role, pid in self.pids.items()}

    def rss_mb(self) -> float:
        """Of the service."""
        return proc.rss_mb([self.pids["core"]])


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
