"""A server that a killed mxhub left behind: adopted when it is what we would start ourselves, else ended."""

import asyncio
import time
from pathlib import Path

from hub.store.embedded.binary import ServerBinary
from hub.store.embedded.errors import EmbeddedError
from hub.store.embedded.lock import FileLock, holders
from hub.store.embedded.probe import Found, ask
from hub.store.embedded.process import ServerProcess

__all__ = ["adopt"]

GRACE_S = 2.0
"""How long one that does not answer may take to end by itself: the death of its parent has told it to."""
PAUSE_S = 0.05


async def adopt(
    lock: FileLock, socket: Path, folder: Path, binary: ServerBinary, *, stop_timeout_s: float
) -> ServerProcess | None:
    """The healthy orphan, or `None` when it is gone and `lock` is ours.

    Raises `EmbeddedError` when the lock stays taken although everybody we can see was told to end.
    """
    ends_at = time.monotonic() + GRACE_S
    while not lock.take():
        found = await ask(socket)
        if found and _is_ours(found, lock.path, folder):
            process = ServerProcess(found.pid)
            if _fits(found, binary) and process.alive():
                return process
            await _end(process, stop_timeout_s)
        elif time.monotonic() > ends_at:
            await _end_holders(lock, stop_timeout_s)
        await asyncio.sleep(PAUSE_S)
    return None


def _is_ours(found: Found, lock: Path, folder: Path) -> bool:
    held_by = holders(lock)
    return Path(found.folder) == folder.resolve() and (not held_by or found.pid in held_by)


def _fits(found: Found, binary: ServerBinary) -> bool:
    return found.durable and (found.name, found.version) == (binary.name, binary.version)


async def _end(process: ServerProcess, timeout_s: float) -> None:
    try:
        await process.stop(timeout_s)
    finally:
        process.close()


async def _end_holders(lock: FileLock, timeout_s: float) -> None:
    """One that hangs, or the rewriting child of one that is dead."""
    pids = holders(lock.path)
    for pid in pids:
        await _end(ServerProcess(pid), timeout_s)
    if not pids and not lock.take():
        raise EmbeddedError(
            f"{lock.path} is held by a process that this user cannot see;"
            f" end the server that uses {lock.path.parent}"
        )
