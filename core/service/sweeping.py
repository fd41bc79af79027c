"""Deletes what has ended: sessions, half-done sign-ins, login links, tokens of reset mails, list entries."""

import asyncio
from typing import Final

import structlog

from core.lists import store as lists
from core.service.core import Core
from core.store import login_links, password_resets
from core.store.database import Unavailable

__all__ = ["forever", "once"]

_EVERY_S: Final = 600.0
_log = structlog.get_logger(__name__)


async def forever(core: Core, interval_s: float = _EVERY_S) -> None:
    """Until cancelled. What goes wrong is logged and tried again the next time."""
    while True:
        await asyncio.sleep(interval_s)
        try:
            await once(core)
        except Unavailable as error:
            _log.warning("core.sweep.failed", error=str(error)[:200])


async def once(core: Core) -> int:
    """How many rows went. Any number of processes may do it at once. Raises `Unavailable`."""
    gone = await core.access.sessions.sweep()
    now_ms = core.clock()
    async with core.database.begin() as tx:
        gone += await login_links.sweep(tx, now_ms)
        gone += await password_resets.sweep(tx, now_ms)
        gone += await lists.purge(tx, now_ms)
    return gone
