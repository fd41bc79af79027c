"""The stage of one schedule: data directory, server, hub processes, destinations, proxy. Two layouts:

run     one hub process with the embedded server that it supervises
split   `serve`, two `worker`s and one external server behind a proxy that can lose replies
"""

import asyncio
import multiprocessing
import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path

import aiohttp
from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.store.embedded.server import EmbeddedServer, running_socket
from hub.store.log import RedisLog
from hub.store.scripts import script_sources
from tests.chaos.producer import SECRET
from tests.chaos.proxy import Proxy
from tests.chaos.sink import sinks

__all__ = ["ROUTES", "Stage"]

ROUTES = {
    "everything": [{}],
    "released": [{"code": ["quarantine.released"]}],
    "example": [{"domain": ["example.com"]}, {"code": ["cert.*"]}],
}
"""Connector -> its rules, as the oracle's own matcher reads them."""
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.chaos.child"])

CONFIG = """
listen: "127.0.0.1:{port}"
data: "{data}"
tenant: chaos
{redis}
log: {{dedupe_hours: {dedupe_hours}, max_entries: {max_entries}, disk_reserve_mb: 1}}
archive: {{roll_events: 1000}}
sources:
  mg: {{vendor: mailguard, secrets: [{secret}]}}
connectors:
"""
CONNECTOR = """  {name}:
    kind: opensearch
    url: "{url}"
    allow_networks: [127.0.0.0/8]
    batch_events: 100
    deadline_s: {deadline_s}
    retry_first_s: 0.2
    probe_most_s: 0.5
{match}"""
MATCH = {
    "everything": "",
    "released": "    match: [{code: quarantine.released}]\n",
    "example": "    match: [{domain: example.com}, {code: 'cert.*'}]\n",
}


def _free_port():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Stage:
    """`async with Stage(...)`: everything is up and answers; at the end everything is gone."""

    def __init__(
        self, seed, layout, *, mutate="", dedupe_hours=72, max_entries=500_000, orphans=False, deadline_s=1
    ) -> None:
        self.layout = layout
        self.folder = Path(tempfile.mkdtemp(prefix="mxc-"))
        self.data = self.folder / "data"
        self.sinks = sinks(ROUTES, seed)
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes = {}
        self.server = None
        self.proxy = None
        self._mutate = mutate
        self._orphans = orphans
        self._deadline_s = deadline_s
        self._options = {"dedupe_hours": dedupe_hours, "max_entries": max_entries}
        self._redis = None
        self._log = None

    async def __aenter__(self):
        for sink in self.sinks.values():
            await sink.start()
        if self.layout == "split":
            await self._own_server()
        for role in self.roles():
            self.spawn(role)
        await self.ready()
        return self

    async def _own_server(self):
        self.server = EmbeddedServer(self.folder / "server", die_with_parent=True)
        await self.server.start()
        self.proxy = Proxy(self.folder / "p.sock", self.server.unix_socket, script_sources())
        await self.proxy.start()

    async def __aexit__(self, *_):
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            await asyncio.to_thread(process.join, 5)
        if self.server is None:  # an orphan by now
            with suppress(Exception):
                await self.kill_server()
        await self.disconnect()
        if self.proxy is not None:
            await self.proxy.stop()
        if self.server is not None:
            await self.server.stop()
        for sink in self.sinks.values():
            await sink.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- processes -------------------------------------------------------------------------------------------
    def roles(self):
        return ("serve", "worker-1", "worker-2") if self.layout == "split" else ("run",)

    def spawn(self, name):
        """Start the hub process of that name."""
        roles = {"run": ("serve", "work"), "serve": ("serve",)}.get(name, ("work",))
        arguments = (self.config(), roles, str(self.folder / f"{name}.log"), self._mutate, self._orphans)
        process = _CONTEXT.Process(target=_child, args=arguments)
        process.start()
        self.processes[name] = process

    async def kill(self, name, *, again_after_s=0.1):
        """SIGKILL and start anew."""
        self.processes[name].kill()
        await asyncio.to_thread(self.processes[name].join)
        await asyncio.sleep(again_after_s)
        self.spawn(name)

    def config(self):
        redis = f'redis_url: "unix://{self.proxy.listen}"' if self.proxy else ""
        text = CONFIG.format(
            port=self.port, data=self.data, redis=redis, secret=SECRET.decode(), **self._options
        )
        return text + "".join(
            CONNECTOR.format(name=n, url=s.url, match=MATCH[n], deadline_s=self._deadline_s)
            for n, s in self.sinks.items()
        )

    async def ready(self, within_s=15.0):
        """Until `/readyz` says so."""
        ends = asyncio.get_running_loop().time() + within_s
        async with aiohttp.ClientSession() as session:
            while asyncio.get_running_loop().time() < ends:
                with suppress(aiohttp.ClientError, OSError):
                    async with session.get(self.url + "/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.02)
        raise TimeoutError("the hub did not become ready:\n" + self.logs())

    def logs(self):
        """What the processes said last, for a failed schedule."""
        return "\n".join(f"== {p.name}\n{p.read_text()[-3000:]}" for p in sorted(self.folder.glob("*.log")))

    # -- the server ------------------------------------------------------------------------------------------
    def socket(self):
        """The server's own socket, past the proxy."""
        return self.server.unix_socket if self.server else running_socket(self.data)

    async def server_pid(self):
        """Process id of the log's server; raises while it is down."""
        ends = asyncio.get_running_loop().time() + 3.0
        while True:
            try:
                return (await (await self.redis(2.0)).info("server"))["process_id"]
            except (RedisError, OSError):  # it is just being started anew
                await self.disconnect()
                if asyncio.get_running_loop().time() >= ends:
                    raise
                await asyncio.sleep(0.05)

    async def kill_server(self):
        """SIGKILL the log's server; who supervises it starts it anew."""
        pid = await self.server_pid()
        await self.disconnect()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    async def redis(self, within_s=0.0):
        """A connection past the proxy; raises while the server is down (for longer than `within_s`)."""
        if self._redis is None:
            ends = asyncio.get_running_loop().time() + within_s
            while (socket := self.socket()) is None:
                if asyncio.get_running_loop().time() >= ends:
                    raise ConnectionError("the server is down")
                await asyncio.sleep(0.02)
            self._redis = Redis(unix_socket_path=str(socket))
        return self._redis

    async def log(self):
        """The log, read past the proxy; raises while the server is down."""
        if self._log is None:
            self._log = RedisLog(await self.redis())
        return self._log

    async def disconnect(self):
        """Forget the connection (the server was killed)."""
        if self._redis is not None:
            with suppress(Exception):
                await self._redis.aclose()
        self._redis = self._log = None


def _child(*args):
    from tests.chaos.child import main

    main(*args)
