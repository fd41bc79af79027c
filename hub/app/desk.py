"""What the scheduled jobs do, in the pipeline's terms."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from hub.app.connectors import context_of
from hub.pipeline.maintain import Alarm, alarms_of
from hub.pipeline.replay import Replays
from hub.pipeline.schedule import Walks

if TYPE_CHECKING:
    from hub.app.hub import Hub

__all__ = ["HubDesk"]

_logger = structlog.get_logger("hub.app.desk")


class HubDesk:
    """Implements `hub.jobs.worker.Desk`."""

    def __init__(self, hub: "Hub", walks: Walks, replays: Replays) -> None:
        self._hub = hub
        self._walks = walks
        self._replays = replays

    async def due_walks(self) -> Sequence[str]:
        return await self._walks.due()

    async def walk(self, key: str) -> None:
        await self._walks.walk(key)

    async def due_replays(self) -> Sequence[str]:
        return await self._replays.running()

    async def replay(self, job_id: str) -> None:
        await self._replays.advance(job_id)

    async def watch(self) -> None:
        """Compare what stands with what was raised before."""
        settings, store = self._hub.settings, self._hub.store
        alarms = await alarms_of(
            store.log,
            max_entries=settings.log.max_entries,
            max_bytes=settings.log.max_bytes,
            lookback_ms=self._lookback_ms(),
            disk_low=store.closed(),
        )
        await self._hub.observers.alarms([*alarms, *await self._silent()])

    async def _silent(self) -> Sequence[Alarm]:
        """Sources that gave events before and have not for longer than they say is usual."""
        now = self._hub.now_ms()
        found = []
        for status in await self._hub.store.state.sources():
            config = self._hub.settings.sources.get(status.name)
            if config is None or config.silent_after_s is None or not status.last_event_ms:
                continue
            silent_s = (now - status.last_event_ms) / 1000
            if silent_s > config.silent_after_s:
                text = f"nothing for {silent_s / 3600:.1f} h, silent_after_s is {config.silent_after_s:g}"
                found.append(Alarm("hub.source_silent", status.name, text))
        return found

    def _lookback_ms(self) -> int:
        return int(
            max((p.stream.lookback_s for p in self._walks.polls.values() if p.lookback), default=0) * 1000
        )

    async def maintain(self) -> None:
        """Retention at the destinations that have their own; the archive's is `hub.app.upkeep`'s."""
        await asyncio.gather(*(self._maintain(name) for name in self._hub.settings.connectors))

    async def _maintain(self, name: str) -> None:
        config = self._hub.settings.connectors[name]
        spec = self._hub.registry.connector(config.kind)
        if spec.maintain is None:
            return
        try:
            done = await spec.maintain(
                config.options, context_of(name, config, self._hub.registry), self._hub.now_ms()
            )
        except Exception as error:  # a destination's trouble must not stop the others' retention
            _logger.warning(
                "hub.maintain.failed", connector=name, error=f"{type(error).__name__}: {error}"[:300]
            )
            return
        if done:
            _logger.info("hub.maintain.done", connector=name, done=list(done)[:20])
