"""Held mail ends by its age: deleted, on record, told."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from core.seam import files
from core.service import quarantine
from core.service.by import By
from core.service.core import Core
from core.store import estate
from core.store import quarantine as stored
from core.store.database import Unavailable
from hub.web.errors import Conflict

__all__ = ["EVERY_S", "expire", "forever"]

EVERY_S: Final = 60.0
_A_TRANSACTION: Final = 100

_log = structlog.get_logger("core.quarantine")


async def expire(core: Core) -> int:
    """End every message whose time is over, and return how many.

    A message that lies on another node is that node's to end; on one that is away it ends here, and the node
    clears the file when it is back.
    """
    count = 0
    while part := await _part(core):
        for held in part:
            await files.delete(core, "quarantine", held.file if held.node_id == core.node_id else "")
        count += len(part)
    return count


async def forever(core: Core) -> None:
    """Once a minute, until it is cancelled."""
    while True:
        try:
            count = await expire(core)
        except Unavailable:
            _log.warning("core.quarantine.expiry_waits")
        else:
            if count:
                _log.info("core.quarantine.expired", messages=count)
        await asyncio.sleep(EVERY_S)


async def _part(core: Core) -> list[stored.Held]:
    """Those of one transaction. Whoever settles or releases one at this moment is faster: it, and its file,
    stay theirs.
    """
    async with core.database.begin() as tx:
        others = {node.id for node in await estate.nodes(tx) if node.present} - {core.node_id}
        ended = []
        for held in await stored.due(tx, core.clock(), _A_TRANSACTION, not_on=others):
            with suppress(Conflict):
                await quarantine.ended(core, tx, By.system(held.tenant), held, "expired", "quarantine.expire")
                ended.append(held)
    return ended
