"""The hub as its users run it, on a folder that goes with it. Layouts:

split   `mxhub serve` and `mxhub worker` beside one embedded server: two Python processes
run     `mxhub run`: one Python process and the server that it supervises
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Literal, Self

import aiohttp
from redis.asyncio import Redis

from hub.archive.sqlite import SqliteArchive
from hub.store.base import Book
from hub.store.embedded.server import EmbeddedServer, running_socket
from hub.store.keys import PartitionKeys
from hub.store.log import RedisLog
from tests.bench import proc
from tests.bench.payload import SECRET, Target

__all__ = ["CHECKOUT", "MXHUB", "Layout", "Stand", "free_port", "opensearch"]

Layout = Literal["split", "run"]
MXHUB = Path(sys.executable).parent / "mxhub"
CHECKOUT = Path(__file__).resolve().parents[2]
READY_S = 40.0

_CONFIG = """
listen: "127.0.0.1:{port}"
data: "{data}"
tenant: bench
{redis}
log: {{max_entries: 2000000, max_bytes: 4 GiB, disk_reserve_mb: 1}}
sources:
  mg: {{vendor: mailguard, secrets: [{secret}]}}
{sources}
connectors:{connectors}
"""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def opensearch(url: str, **options: object) -> dict[str, object]:
    """Configuration of a connector to an OpenSearch on loopback."""
    return {"kind": "opensearch", "url": url, "allow_networks": "[127.0.0.0/8]", **options}


def _written(connectors: Mapping[str, Mapping[str, object]]) -> str:
    rows = (
        f"\n  {name}: {{{', '.join(f'{key}: {value}' for key, value in options.items())}}}"
        for name, options in connectors.items()
    )
    return "".join(rows) or " {}"


class Stand:
    """`async with Stand(...)`; `start` says which of its processes run."""

    def __init__(
        self,
        connectors: Mapping[str, Mapping[str, object]] | None = None,
        *,
        layout: Layout = "split",
        sources: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.layout: Layout = layout
        self.folder = Path(tempfile.mkdtemp(prefix="mxb-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.target = Target(self.port)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._connectors = connectors or {}
        self._sources = sources
        self._environment = {**os.environ, **(environment or {})}
        self._server: EmbeddedServer | None = None
        self._redis: Redis | None = None
        self._next = 0

    async def __aenter__(self) -> Self:
        if self.layout == "split":
            self._server = EmbeddedServer(
                self.folder / "server", reserve_bytes=0, maxmemory_bytes=8 << 30, tell=lambda _: None
            )
            await self._server.start()
        (self.folder / "mxhub.yaml").write_text(self._config())
        return self

    def _config(self) -> str:
        redis = f'redis_url: "unix://{self._server.unix_socket}"' if self._server else ""
        return _CONFIG.format(
            port=self.port,
            data=self.data,
            redis=redis,
            secret=SECRET.decode(),
            sources=self._sources,
            connectors=_written(self._connectors),
        )

    async def __aexit__(self, *_: object) -> None:
        for role in list(self.processes):
            await self.stop(role)
        if self._redis is not None:
            await self._redis.aclose()
        if self._server is not None:
            await self._server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- processes -------------------------------------------------------------------------------------------
    async def start(self, role: Literal["serve", "worker", "run"]) -> int:
        """Start `mxhub ROLE` on the configuration, until it is ready: listens, or routes. Returns its pid.

        Raises `RuntimeError` with its output when it does not come up.
        """
        with (self.folder / f"{role}.log").open("ab") as output:
            self.processes[role] = subprocess.Popen(
                [MXHUB, role, "--config", self.folder / "mxhub.yaml"],
                stdout=output,
                stderr=output,
                env=self._environment,
                cwd=CHECKOUT,
            )
        await (self._routes() if role == "worker" else self._ready(role))
        return self.processes[role].pid

    async def _ready(self, role: str) -> None:
        ends = monotonic() + READY_S
        async with aiohttp.ClientSession() as session:
            while monotonic() < ends and self.processes[role].poll() is None:
                with suppress(aiohttp.ClientError, OSError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)
        raise RuntimeError(f"mxhub {role} did not become ready:\n{self.said()}")

    async def _routes(self) -> None:
        lease, ends = PartitionKeys(0).lease("@router"), monotonic() + READY_S
        while monotonic() < ends and self.processes["worker"].poll() is None:
            if await self.redis().exists(lease):
                return
            await asyncio.sleep(0.01)
        raise RuntimeError(f"mxhub worker does not route:\n{self.said()}")

    async def stop(self, role: str) -> None:
        """SIGTERM, SIGKILL after a while."""
        process = self.processes.pop(role)
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, 20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def said(self) -> str:
        """The end of what the processes wrote."""
        return "\n".join(f"== {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self.folder.glob("*.log")))

    async def pids(self) -> dict[str, int]:
        """Role -> process id, the log's server among them."""
        found = {role: process.pid for role, process in self.processes.items()}
        found["server"] = (await self.redis().info("server"))["process_id"]
        return found

    async def cpu(self) -> dict[str, float]:
        """Role -> CPU seconds so far."""
        return {role: proc.cpu_s(pid) for role, pid in (await self.pids()).items()}

    # -- the log ---------------------------------------------------------------------------------------------
    @property
    def server_socket(self) -> Path:
        """Where the log's server listens. Raises `RuntimeError` while it does not run."""
        path = self._server.unix_socket if self._server else running_socket(self.data)
        if path is None:
            raise RuntimeError(f"the server does not run:\n{self.said()}")
        return path

    def redis(self) -> Redis:
        """A connection to the log's server."""
        if self._redis is None:
            self._redis = Redis(unix_socket_path=str(self.server_socket))
        return self._redis

    def log(self) -> RedisLog:
        """The log, read by the bench itself."""
        return RedisLog(self.redis())

    def archive(self) -> SqliteArchive:
        """The archive, read by the bench itself."""
        return SqliteArchive(self.data / "archive", read_only=True)

    def numbers(self, count: int) -> int:
        """Take the next `count` event numbers; returns the first."""
        first, self._next = self._next, self._next + count
        return first

    async def settled(self, within_s: float = 120.0, *, apart_from: Iterable[str] = ()) -> list[Book]:
        """Until everything recorded is archived and has its fate at every connector; the books then.

        Raises `TimeoutError`, or `RuntimeError` when the books do not balance.
        """
        ends = monotonic() + within_s
        log, leave = self.log(), set(apart_from)
        while True:
            head, books = await log.head(), await log.books()
            if bad := [book for book in books if not book.balanced]:
                raise RuntimeError(f"the books do not balance: {bad}")
            if head.trim == head.seq and not any(b.pending for b in books if b.connector not in leave):
                return books
            if monotonic() > ends:
                raise TimeoutError(f"not settled within {within_s:g} s: {head} {books[:3]}\n{self.said()}")
            await asyncio.sleep(0.05)
