"""Rewrites of the log need room for a second copy of the data; without it they would fill the disk."""

import asyncio
from pathlib import Path

import structlog

from hub.store.embedded.disk import Disk
from hub.store.embedded.probe import set_option, used_memory
from hub.store.embedded.settings import REWRITE_PERCENTAGE

__all__ = ["guard_rewrites"]

PERIOD_S = 1.0

log = structlog.get_logger(__name__)


async def guard_rewrites(
    socket: Path, disk: Disk, maxmemory_bytes: int, *, period_s: float = PERIOD_S
) -> None:
    """Stop automatic rewrites for as long as one would eat into the reserve. Never returns."""
    allowed = True
    while True:
        await asyncio.sleep(period_s)
        fits = await _fits(socket, disk, maxmemory_bytes)
        if fits is None or (fits and allowed):
            continue
        if await set_option(socket, "auto-aof-rewrite-percentage", REWRITE_PERCENTAGE if fits else "0"):
            if fits != allowed:
                log.warning("store.embedded.rewrites", allowed=fits, disk_free_bytes=disk.free())
            allowed = fits


async def _fits(socket: Path, disk: Disk, maxmemory_bytes: int) -> bool | None:
    spare = disk.free() - disk.reserve_bytes
    if spare > maxmemory_bytes:
        return True
    used = await used_memory(socket)
    return None if used is None else spare > used
