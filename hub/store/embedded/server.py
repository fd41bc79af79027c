"""The supervised server: started, watched, started again when it dies, ended last."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.sdk.ending import end
from hub.store.embedded.binary import ServerBinary, find_binary
from hub.store.embedded.disk import DEFAULT_RESERVE, Disk
from hub.store.embedded.errors import EmbeddedError
from hub.store.embedded.launch import Running, Site, bring_up
from hub.store.embedded.lock import FileLock
from hub.store.embedded.rewrites import guard_rewrites
from hub.store.embedded.runtime import forget_runtime, open_runtime, recorded_runtime
from hub.store.embedded.settings import DEFAULT_MAXMEMORY
from hub.store.embedded.state import check_server, open_state, remember_server
from hub.store.embedded.status import Status, log_status

__all__ = ["EmbeddedServer", "running_socket"]

FOLDER = "valkey"
SOCKET = "log.sock"
FIRST_DELAY_S = 0.05
LONGEST_DELAY_S = 5.0
STEADY_S = 10.0
"""A server that ran this long gets the first delay again."""

NO_REWRITES = "automatic rewrites of the log are off: one would need more room than the disk reserve leaves"


def running_socket(data: Path) -> Path | None:
    """The socket of the server that runs on a data directory, for other processes; `None` when none does."""
    folder = recorded_runtime(data)
    lock = FileLock(data / FOLDER / "server.lock")
    if folder is None or not (folder / SOCKET).exists():
        return None
    free = lock.take()
    lock.leave()
    return None if free else folder / SOCKET


class EmbeddedServer:
    """A private Valkey on a data directory, reached over `unix_socket`.

    The directory belongs to one mxhub at a time. A server that a killed one left behind is adopted, never
    doubled.
    """

    def __init__(
        self,
        data: Path,
        *,
        maxmemory_bytes: int = DEFAULT_MAXMEMORY,
        reserve_bytes: int = DEFAULT_RESERVE,
        binary: Path | None = None,
        die_with_parent: bool = True,
        start_timeout_s: float = 30.0,
        stop_timeout_s: float = 30.0,
        tell: Callable[[Status], None] = log_status,
    ) -> None:
        """`start_timeout_s` bounds silence before the first answer; loading a long log may take longer.

        `tell` hears of every change of the status; by default it is logged.
        """
        self._tell = tell
        self.data = data.absolute()
        self.disk = Disk(self.data, reserve_bytes)
        self._maxmemory_bytes = maxmemory_bytes
        self._explicit = binary
        self._die_with_parent = die_with_parent
        self._start_timeout_s = start_timeout_s
        self._stop_timeout_s = stop_timeout_s
        self._lock = FileLock(self.data / "mxhub.lock")
        self._site: Site | None = None
        self._running: Running | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._status = Status("stopped", time.time())

    @property
    def status(self) -> Status:
        return self._status

    @property
    def unix_socket(self) -> Path:
        """Stays the same over restarts of the server.

        Raises `RuntimeError` before `start`.
        """
        if self._site is None:
            raise RuntimeError("the embedded server was not started")
        return self._site.socket

    def below_reserve(self) -> bool:
        """Whether ingest must answer 503 now, so that the disk never gets full."""
        return self.disk.below_reserve()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Take the directory and bring the server up, or adopt the one that runs there.

        Raises `DirectoryInUse`, `WrongState`, `WrongServer`, `DamagedLog`, `ServerGone`, or `EmbeddedError`
        when the directory cannot be used.
        """
        if self._running is not None:
            raise RuntimeError("the embedded server runs already")
        self._make_folders()
        self._lock.take_or_refuse()
        try:
            await self._start()
        except OSError as error:
            await self._end(str(error))
            raise EmbeddedError(f"the data directory {self.data} cannot be used: {error}") from error
        except BaseException as error:
            await self._end(str(error))
            raise

    async def _start(self) -> None:
        state = open_state(self.data)
        binary = await asyncio.to_thread(find_binary, self._explicit)
        check_server(self.data, state, binary)
        self._site = site = self._settle_in(binary)
        self._change(Status("starting", time.time()))
        self._came_up(site, await bring_up(site))
        remember_server(self.data, state, binary)
        guard = guard_rewrites(site.socket, self.disk, self._maxmemory_bytes, self._rewrites)
        self._tasks = [asyncio.create_task(self._supervise(site)), asyncio.create_task(guard)]

    def _make_folders(self) -> None:
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.data / FOLDER).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"the data directory {self.data} cannot be used: {error}") from error

    def _settle_in(self, binary: ServerBinary) -> Site:
        folder = self.data / FOLDER
        return Site(
            folder=folder,
            socket=open_runtime(self.data) / SOCKET,
            lock=FileLock(folder / "server.lock"),
            binary=binary,
            maxmemory_bytes=self._maxmemory_bytes,
            die_with_parent=self._die_with_parent,
            start_timeout_s=self._start_timeout_s,
            stop_timeout_s=self._stop_timeout_s,
        )

    def _came_up(self, site: Site, running: Running) -> None:
        self._running = running
        self._change(
            Status(
                "running",
                time.time(),
                pid=running.process.pid,
                server=f"{site.binary.name} {site.binary.version}",
                restarts=self._status.restarts,
                adopted=running.adopted,
                notes=running.notes,
            )
        )

    async def _supervise(self, site: Site) -> None:
        """Start it again whenever it ends, sooner or later; never returns."""
        delay_s = FIRST_DELAY_S
        while True:
            if self._running is not None:
                began = time.monotonic()
                await self._running.process.wait()
                self._running.process.close()
                self._running = None
                delay_s = FIRST_DELAY_S if time.monotonic() - began > STEADY_S else delay_s
                self._note_down("restarting", f"the server ended; see {site.log}")
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, LONGEST_DELAY_S)
            try:
                self._came_up(site, await bring_up(site))
            except EmbeddedError as error:
                self._note_down("failed", str(error))

    def _note_down(self, state: str, reason: str) -> None:
        restarts = self._status.restarts + (state == "restarting")
        known = replace(
            self._status, since_s=time.time(), pid=0, restarts=restarts, adopted=False, reason=reason
        )
        self._change(replace(known, state="restarting" if state == "restarting" else "failed"))

    def _rewrites(self, allowed: bool) -> None:  # noqa: FBT001 told by the guard, which says nothing else
        others = tuple(note for note in self._status.notes if note != NO_REWRITES)
        self._change(replace(self._status, notes=others if allowed else (*others, NO_REWRITES)))

    def _change(self, status: Status) -> None:
        self._status = status
        self._tell(status)

    async def stop(self) -> None:
        """End the server (SIGTERM; SIGKILL only after the time-out) and give the directory back."""
        await end(*self._tasks)
        self._tasks = []
        await self._end()

    async def _end(self, reason: str = "") -> None:
        running, self._running = self._running, None
        clean = running is None or await running.process.stop(self._stop_timeout_s)
        if running is not None:
            running.process.close()
        self._give_back()
        why = reason if clean else f"killed: it did not end within {self._stop_timeout_s:g} s"
        self._change(Status("stopped", time.time(), restarts=self._status.restarts, reason=why))

    def _give_back(self) -> None:
        """Leave the directory; its sockets' folder goes too unless a server still uses it."""
        if self._lock.held and running_socket(self.data) is None:
            forget_runtime(self.data)
        self._lock.leave()
