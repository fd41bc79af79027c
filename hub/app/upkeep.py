"""What has to happen in the one process that writes the archive, whichever that is: retention, erasures, the
end of replays. A loop of its own, because a scheduled job may land on any worker.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import structlog

from hub.app.estate import HubEstate
from hub.app.observe import OWN_SOURCE
from hub.archive.base import ArchiveError
from hub.pipeline.erase import Eraser
from hub.pipeline.lanes import Lanes
from hub.pipeline.maintain import Retention
from hub.sdk.ending import end
from hub.store.base import StoreError
from hub.telemetry import happenings

if TYPE_CHECKING:
    from hub.app.hub import Hub

__all__ = ["Upkeep"]

PAUSE_S = 0.5
RETENTION_S = 900.0
FIRST_S = 60.0
"""From taking the archive over to the first retention: a restart after days must not wait for the next."""
TIDY_S = 60.0
_TROUBLE_S = 5.0
_logger = structlog.get_logger("hub.app.upkeep")


class Upkeep:
    """Runs in every worker; does what is the archive's only where this process writes it."""

    def __init__(self, hub: "Hub", lanes: Lanes) -> None:
        self._hub = hub
        self._lanes = lanes
        self._eraser = Eraser(
            hub.store.log, hub.keeper, hub.store.state, HubEstate(hub), kept=self._kept, now_ms=hub.now_ms
        )
        self._due = {"retention": time.monotonic() + FIRST_S, "tidy": 0.0, "lanes": 0.0}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._for_ever(), name="upkeep")

    async def stop(self) -> None:
        """A file of the archive that is being rewritten is given up, and begun anew after the next start."""
        self._eraser.close()
        await end(self._task)

    def _kept(self, tenant: str) -> tuple[str, ...]:
        """The hub's own health is nobody's data: it stays where it carries the hub's own tenant."""
        return (OWN_SOURCE,) if tenant == self._hub.settings.tenant else ()

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(PAUSE_S)
            await self._guarded("lanes", self._lanes_due)
            if self._hub.keeper.archive is not None:
                await self._guarded("erase", self._erase)
                await self._guarded("retention", self._retention_due)
                await self._guarded("replays", self._tidy_due)

    async def _guarded(self, stage: str, call: Callable[[], Awaitable[None]]) -> None:
        try:
            await call()
        except (StoreError, ArchiveError) as error:
            happenings.stage_interrupted(stage, str(error))
            await asyncio.sleep(_TROUBLE_S)
        except Exception as error:  # a defect here must not end the others' upkeep
            _logger.exception("hub.upkeep.failed", stage=stage)
            happenings.stage_interrupted(stage, f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(_TROUBLE_S)

    def _is_due(self, what: str, every_s: float) -> bool:
        now = time.monotonic()
        if now < self._due[what]:
            return False
        self._due[what] = now + every_s
        return True

    async def _erase(self) -> None:
        while await self._eraser.step():
            pass

    async def _retention_due(self) -> None:
        if self._is_due("retention", RETENTION_S):
            await self.retain()

    async def retain(self) -> None:
        """Retention now, and a warning before it takes what is owed."""
        hub, archive = self._hub, self._hub.settings.archive
        retention = Retention(
            hub.store.log,
            hub.keeper,
            keep_ms=None if archive.keep_days is None else int(archive.keep_days * 86_400_000),
            max_bytes=archive.max_bytes,
            now_ms=hub.now_ms,
        )
        dropped, ended = await retention.run()
        if dropped or ended:
            await hub.observers.retention(dropped, ended)
        await hub.observers.near_owed(await retention.near_owed())

    async def _tidy_due(self) -> None:
        if self._is_due("tidy", TIDY_S):
            await self._hub.replays.tidy()

    async def _lanes_due(self) -> None:
        """Close lanes of rows that are gone: finished replays, forgotten connectors."""
        if self._is_due("lanes", TIDY_S):
            there = {row.name for row in await self._hub.store.log.rows(now_ms=self._hub.now_ms())}
            for name in self._lanes.names():
                if name not in there:
                    await self._lanes.close(name)
