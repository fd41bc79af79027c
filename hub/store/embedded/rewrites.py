"""Rewrites of the log need room for a second copy of the data; without it they would fill the disk."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from hub.store.embedded.disk import Disk
from hub.store.embedded.probe import set_option, used_memory
from hub.store.embedded.settings import REWRITE_PERCENTAGE

__all__ = ["guard_rewrites"]

PERIOD_S = 1.0


async def guard_rewrites(
    socket: Path,
    disk: Disk,
    maxmemory_bytes: int,
    tell: Callable[[bool], None],
    *,
    period_s: float = PERIOD_S,
) -> None:
    """Stop automatic rewrites for as long as one would eat into the reserve. Never returns."""
    allowed = True
    while True:
        await asyncio.sleep(period_s)
        fits = await _fits(socket, disk, maxmemory_bytes)
        if fits is None or (fits and allowed):
            continue
        # said again every time while off: a restarted server begins with its file's setting
        done = await set_option(socket, "auto-aof-rewrite-percentage", REWRITE_PERCENTAGE if fits else "0")
        if done and fits != allowed:
            allowed = fits
            tell(fits)


async def _fits(socket: Path, disk: Disk, maxmemory_bytes: int) -> bool | None:
    spare = disk.free() - disk.reserve_bytes
    if spare > maxmemory_bytes:
        return True
    used = await used_memory(socket)
    return None if used is None else spare > used
