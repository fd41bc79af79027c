"""What is true of the whole service at this moment, read now and then for the metrics of this process."""

import asyncio
from typing import Final

import structlog
from sqlalchemy import func, select

from core.service.core import Core
from core.store import meta
from core.store.database import Unavailable
from core.store.tables import quarantine_items
from hub.telemetry.metrics import METRICS

__all__ = ["forever", "read"]

_EVERY_S: Final = 15.0
_OUTBOX: Final = "outbox"
"""The counter of its events (`core.store.outbox`)."""
_HELD: Final = ("held", "releasing", "release_failed")

log = structlog.get_logger("core.app")


async def forever(core: Core) -> None:
    """Until cancelled; while the database is away the last values stand."""
    while True:
        try:
            await read(core)
        except Unavailable as error:
            log.warning("core.metrics.waits", error=str(error))
        await asyncio.sleep(_EVERY_S)


async def read(core: Core) -> None:
    """Raises `Unavailable`."""
    item = quarantine_items.c
    async with core.database.read() as tx:
        held = select(func.count()).select_from(quarantine_items).where(item.state.in_(_HELD))
        METRICS.set("mxhub_core_held", to=(await tx.execute(held)).scalar_one())
        told = await meta.counted(tx, _OUTBOX)
    carried = core.outward.carried
    if carried is not None:
        METRICS.set("mxhub_core_outbox_waiting", to=max(told - carried, 0))
