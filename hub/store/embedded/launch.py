"""Bringing one server process up: adopt the orphan, or mend the log's end, spawn, wait until it answers."""

import asyncio
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from hub.store.embedded import aof
from hub.store.embedded.binary import ServerBinary
from hub.store.embedded.errors import DamagedLog, EmbeddedError, ServerGone
from hub.store.embedded.lock import FileLock
from hub.store.embedded.orphan import adopt
from hub.store.embedded.probe import is_ready, set_option
from hub.store.embedded.process import ServerProcess
from hub.store.embedded.settings import write_settings

__all__ = ["Running", "Site", "bring_up"]

POLL_S = 0.01
LOG_LIMIT = 8 * 1024 * 1024
TAIL_BYTES = 4096
TAIL_LINES = 3
TRUNCATED = re.compile(r"Truncating the AOF .*?at offset (\d+)")
"""What the server logs when it loads a log whose last command is torn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where and how the server runs."""

    folder: Path
    socket: Path
    lock: FileLock
    """Held by the running server; ours only between two of them."""
    binary: ServerBinary
    maxmemory_bytes: int
    die_with_parent: bool
    start_timeout_s: float
    stop_timeout_s: float

    @property
    def log(self) -> Path:
        return self.folder / "server.log"


@dataclass(frozen=True, slots=True)
class Running:
    process: ServerProcess
    adopted: bool
    notes: tuple[str, ...]


async def bring_up(site: Site) -> Running:
    """A server that answers and is the only one on the directory.

    Raises `ServerGone` with the end of its log when it ends before it answers, `DamagedLog` when it cannot
    load its data, `EmbeddedError` when an orphan cannot be ended or a file cannot be used.
    """
    try:
        return await _bring_up(site)
    except OSError as error:
        raise EmbeddedError(f"the log in {site.folder} cannot be opened: {error}") from error
    finally:
        site.lock.leave()


async def _bring_up(site: Site) -> Running:
    orphan = await adopt(site.lock, site.socket, site.folder, site.binary, stop_timeout_s=site.stop_timeout_s)
    if orphan is not None:
        return await _taken_over(site, orphan)
    cut = await asyncio.to_thread(aof.mend, site.folder)
    logged = _roll(site.log)
    process = _spawn(site)
    try:
        await _ready(site, process)
    except BaseException:
        await process.stop(site.stop_timeout_s)
        process.close()
        raise
    return Running(process, adopted=False, notes=tuple(note for note in (cut, _torn(site, logged)) if note))


async def _taken_over(site: Site, orphan: ServerProcess) -> Running:
    try:
        await _ready(site, orphan)
        await set_option(site.socket, "maxmemory", str(site.maxmemory_bytes))
    except BaseException:
        orphan.close()
        raise
    note = f"adopted the server (process {orphan.pid}) that an earlier mxhub left behind"
    return Running(orphan, adopted=True, notes=(note,))


def _spawn(site: Site) -> ServerProcess:
    """From here on the lock is the server's own: it ends with it, not with us."""
    site.socket.unlink(missing_ok=True)
    settings = write_settings(
        site.folder, socket=site.socket, log=site.log, maxmemory_bytes=site.maxmemory_bytes
    )
    process = ServerProcess.spawn(
        [str(site.binary.path), str(settings)],
        folder=site.folder,
        lock=site.lock.handle,
        die_with_parent=site.die_with_parent,
    )
    site.lock.leave()
    return process


async def _ready(site: Site, process: ServerProcess) -> None:
    """Until it takes commands; loading may take as long as it needs, silence may not."""
    silent_until = time.monotonic() + site.start_timeout_s
    while True:
        ready = await is_ready(site.socket) if site.socket.exists() else None
        if ready:
            return
        if not process.alive():
            raise _gone(site)
        if ready is False:
            silent_until = time.monotonic() + site.start_timeout_s
        if time.monotonic() > silent_until:
            raise ServerGone(
                f"{site.binary.path} did not answer within {site.start_timeout_s:g} s; see {site.log}"
            )
        await asyncio.sleep(POLL_S)


def _gone(site: Site) -> ServerGone | DamagedLog:
    said = _tail(site.log)
    if "Bad file format" in said or "aof-load-truncated" in said:
        advice = aof.diagnose(site.folder)
        if advice:
            return DamagedLog(advice)
    last = " / ".join(said.strip().splitlines()[-TAIL_LINES:]) or "it logged nothing"
    return ServerGone(f"the server ended while it started: {last} (all of it: {site.log})")


def _roll(path: Path) -> int:
    """Keep one old log beside the current one; returns where this start's lines begin."""
    size = path.stat().st_size if path.exists() else 0
    if size > LOG_LIMIT:
        path.replace(path.with_name(f"{path.name}.1"))
        return 0
    return size


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _torn(site: Site, logged: int) -> str | None:
    with site.log.open("rb") as file:
        file.seek(logged)
        found = TRUNCATED.search(file.read().decode(errors="replace"))
    return f"the log's last write was unfinished and was cut at byte {found[1]}" if found else None
