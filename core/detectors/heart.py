"""A process that says it is alive, as long as it is: a node of the cluster."""

import asyncio
from dataclasses import dataclass

import structlog

from core.audit.chain import Chain
from core.detectors import nodes
from core.store import estate
from core.store.clock import Clock
from core.store.database import Database, Unavailable

__all__ = ["Heart"]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heart:
    """`run()` beats until it is cancelled, and then says goodbye; a killed process just falls silent."""

    database: Database
    chain: Chain
    address: str
    clock: Clock
    every_ms: int = nodes.HEARTBEAT_MS

    async def run(self) -> None:
        try:
            while True:
                await self._beat()
                await asyncio.sleep(self.every_ms / 1000)
        finally:
            await self._leave()

    async def _beat(self) -> None:
        try:
            async with self.database.begin() as tx:
                await estate.beat(tx, self.chain.node_id, self.address, self.clock())
        except Unavailable as error:
            _log.warning("core.heartbeat.failed", node=self.chain.node_id, error=str(error)[:200])

    async def _leave(self) -> None:
        try:
            async with self.database.begin() as tx:
                await nodes.leave(tx, self.clock(), chain=self.chain)
        except Unavailable as error:
            _log.warning("core.heartbeat.failed", node=self.chain.node_id, error=str(error)[:200])
