"""Everything behind the log, in one process: archive's writer, router, senders, upkeep, walks, jobs."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from hub.app.archive import open_writer
from hub.app.call import Caller
from hub.app.connectors import lane_of, make_connector
from hub.app.desk import HubDesk
from hub.app.observe import OWN_SOURCE
from hub.app.sources import polls
from hub.app.upkeep import Upkeep
from hub.config.model import Settings
from hub.jobs.worker import Jobs, redis_settings
from hub.pipeline.digest import Teller
from hub.pipeline.flow import Flow
from hub.pipeline.keep import Keeper
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.poll import Poll, Poller
from hub.pipeline.replay import base_of
from hub.pipeline.route import Router
from hub.pipeline.schedule import Walks
from hub.pipeline.send import Sender
from hub.store.base import UNTOLD

if TYPE_CHECKING:
    from hub.app.hub import Hub

__all__ = ["Work"]


class Work:
    """Of one hub process; made when log and archive can be read."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        log = hub.store.log
        self._payloads = Payloads(
            log,
            lambda seqs: hub.readers.run(hub.archive.entries, log.partition, seqs),
            lambda seqs: hub.readers.run(hub.archive.erased, log.partition, seqs),
            closed=hub.closed,
        )
        self.lanes = Lanes(log, self._sender, now_ms=hub.now_ms)
        self.keeper = Keeper(
            log,
            self._payloads,
            lambda: open_writer(
                hub.settings,
                log,
                believe_log=hub.believe_log,
                now_ms=hub.now_ms,
                accepted=hub.observers.log_accepted,
            ),
            stalled=hub.observers.archive_stalled,
        )
        self.flow = Flow(
            log,
            router=lambda wake: Router(log, self._payloads, wake=wake),
            keeper=self.keeper,
            lanes=self.lanes,
            now_ms=hub.now_ms,
            alone="serve" in hub.roles and hub.settings.redis_url is None,
        )
        self._caller = Caller(lambda: hub.settings, hub.store.state, now_ms=hub.now_ms)
        self._walks = Walks(
            hub.store.state,
            Poller(log, hub.observers, now_ms=hub.now_ms, closed=hub.closed),
            polls=polls(hub.settings, hub.registry),
            call=self._caller.of,
            walked=hub.observers.walked,
            now_ms=hub.now_ms,
        )

    async def start(self, stack: AsyncExitStack) -> None:
        """Start in order; `stack` ends it in reverse order, whether or not all of it could start.

        Raises `StoreError`, `ArchiveError`.
        """
        hub = self._hub
        stack.callback(self.keeper.close)
        await self.keeper.turn()  # an archive that cannot be written is said at start
        await self.flow.start()
        stack.push_async_callback(self.flow.stop)
        upkeep = Upkeep(hub, self.lanes)
        await upkeep.start()
        stack.push_async_callback(upkeep.stop)
        stack.push_async_callback(self._caller.close)
        await self._walks.adopt()
        desk = HubDesk(hub, self._walks, hub.replays)
        jobs = Jobs(desk, redis_settings(hub.settings.jobs_redis_url or hub.store.url))
        await jobs.start()
        stack.push_async_callback(jobs.stop)

    def _sender(self, row: str) -> Sender | None:
        hub = self._hub
        lane = lane_of(row, hub.settings, hub.registry)
        if lane is None:
            return None
        teller = Teller(hub.registry.source(OWN_SOURCE), source=OWN_SOURCE, tenant=hub.settings.tenant)
        return Sender(
            lane,
            make_connector(base_of(row), hub.settings.connectors[base_of(row)], hub.registry),
            hub.store.log,
            self._payloads,
            now_ms=hub.now_ms,
            take=self._take,
            hold=self._hold,
            observer=hub.observers,
            tell=teller.entry,
        )

    async def _take(self, bucket: str, rate_per_s: float, n: int) -> float:
        hub = self._hub
        wait = await hub.store.state.take(bucket, rate_per_s, max(rate_per_s, 1.0), n, hub.now_ms())
        return wait / 1000

    async def _hold(self, bucket: str, seconds: float) -> None:
        hub = self._hub
        await hub.store.state.hold(bucket, hub.now_ms() + int(seconds * 1000))

    async def reload(self, old: Settings, new: Settings, polls_now: Mapping[str, Poll]) -> None:
        """Take over what changed in walks and lanes; the hub's settings are the new ones already."""
        self._walks.polls = polls_now
        await self._walks.adopt()
        await self._reopen(old, new)

    async def _reopen(self, old: Settings, new: Settings) -> None:
        """Lanes whose connectors were changed begin anew. One that was blocked is tried now: its next probe
        may be a day away, and the change is most likely what it waited for.
        """

        def is_changed(row: str) -> bool:
            return old.connectors.get(base_of(row)) != new.connectors.get(base_of(row))

        for row in filter(is_changed, self.lanes.names()):
            await self.lanes.close(row)
        now, log = self._hub.now_ms(), self._hub.store.log
        for blocked in await log.rows(now_ms=now):
            if blocked.state == "blocked" and is_changed(blocked.name):  # until the probe says otherwise
                await log.block(blocked.name, blocked.reason, now, now_ms=now, tell_after_ms=UNTOLD)
