"""One log of an owner's own, routed and sent by the hub's stages.

    owner's store -> record -> LOG -> router -> a queue of references per row -> lane -> destination

It differs from the hub's in what it has not: no source, no OCSF, no archive. The owner's store has every
payload before the log does, so the log may forget an entry as soon as it is routed; what a queue still refers
to then is asked of the owner.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from hub.model.event import Entry
from hub.pipeline.flow import Flow
from hub.pipeline.lane import Lane, SenderObserver
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.route import Router
from hub.pipeline.send import Sender
from hub.sdk.connector import Connector
from hub.store.base import UNTOLD, Digest, Fate, Log
from hub.store.log import RedisLog

__all__ = ["Engine", "Observer", "Owed", "Served", "SilentObserver", "Stored"]

Stored = Callable[[Sequence[int]], Awaitable[Mapping[int, Entry]]]
"""Entries by seq, from the owner's store; those that it has not any more are left out."""
Observer = SenderObserver
_logger = structlog.get_logger("hub.delivery")


@dataclass(frozen=True, slots=True)
class Served:
    """How a row is served, and by what."""

    lane: Lane
    connector: Connector


@dataclass(frozen=True, slots=True)
class Owed:
    """What a row still waits for: every reference up to `settled` has its fate."""

    name: str
    settled: int
    waiting: int
    """References in its queue and among its retries."""
    parked: int
    reason: str
    """Why its destination is blocked; empty while it works."""


class SilentObserver:
    """Writes log lines; the owner counts in its own store."""

    def sent(self, lane: Lane, fates: Sequence[Fate], lag_ms: int) -> None:
        _logger.debug("hub.delivery.sent", row=lane.name, events=len(fates), lag_ms=lag_ms)

    def blocked(self, lane: Lane, reason: str) -> None:
        _logger.warning("hub.delivery.blocked", row=lane.name, reason=reason)

    def recovered(self, lane: Lane) -> None:
        _logger.info("hub.delivery.recovered", row=lane.name)

    def told(self, lane: Lane, digest: Digest, fate: Fate) -> None:
        """No lane of an owner tells by number."""
        del lane, digest, fate


class Engine:
    """One process of it. Any number may share the log: leases save work, compare-and-set decides.

    Args:
        redis: an asyncio client that does not decode.
        family: name of the owner's log, of lower-case letters, not `p`.
        serve: how a row's name is served; `None` for one that nobody wants served (any more).
        stored: the owner's store, see `Stored`. What it has not counts as erased: such references end as
            dropped.
        alone: whether no other process works on this log (then it looks around less often).

    """

    def __init__(
        self,
        redis: Redis,
        *,
        family: str,
        serve: Callable[[str], Served | None],
        stored: Stored,
        now_ms: Callable[[], int],
        observer: Observer | None = None,
        alone: bool = True,
    ) -> None:
        if family == "p" or not (family.isascii() and family.isalpha() and family.islower()):
            raise ValueError(f"a log's family is a word of lower-case letters and not p, not {family!r}")
        self.log: Log = RedisLog(redis, family=family)
        self._serve = serve
        self._stored = stored
        self._now_ms = now_ms
        self._observer = observer or SilentObserver()
        self._payloads = Payloads(self.log, stored, self._gone)
        self.lanes = Lanes(self.log, self._sender, now_ms=now_ms)
        self._flow = Flow(
            self.log,
            router=lambda wake: Router(self.log, self._payloads, wake=wake),
            keeper=None,
            lanes=self.lanes,
            now_ms=now_ms,
            alone=alone,
        )

    async def start(self) -> None:
        await self._flow.start()

    async def stop(self, within_s: float = 5.0) -> None:
        """Stop after the round in flight; whoever still sends then is cancelled, and sends again some day."""
        await self._flow.stop(within_s)

    def recorded(self) -> None:
        """Ring after `log.record`."""
        self._flow.recorded()

    async def reopen(self, name: str) -> None:
        """Serve a row anew after a change of its settings; one that was blocked is tried now."""
        await self.lanes.close(name)
        now = self._now_ms()
        for row in await self.log.rows(now_ms=now, name=name):
            if row.state == "blocked":
                await self.log.block(name, row.reason, now, now_ms=now, tell_after_ms=UNTOLD)

    async def forget(self, name: str) -> None:
        """End a row and all that it waits for."""
        await self.log.forget(name)
        await self.lanes.close(name)

    async def owed(self) -> Sequence[Owed]:
        """What each row waits for. Routed is read first: what is routed later is behind it."""
        routed = (await self.log.head()).routed
        found = []
        for row in await self.log.rows(now_ms=self._now_ms()):
            firsts = [seq for seq in (row.head_seq, row.oldest_seq) if seq]
            settled = min(firsts) - 1 if firsts else routed
            waiting = row.queued + row.retrying
            found.append(Owed(row.name, settled, waiting, row.parked, row.reason))
        return found

    def _sender(self, name: str) -> Sender | None:
        served = self._serve(name)
        if served is None:
            return None
        return Sender(
            served.lane,
            served.connector,
            self.log,
            self._payloads,
            now_ms=self._now_ms,
            take=_unlimited,
            observer=self._observer,
        )

    async def _gone(self, seqs: Sequence[int]) -> set[int]:
        return set(seqs) - set(await self._stored(seqs))


async def _unlimited(bucket: str, rate_per_s: float, n: int) -> float:
    """Lanes of an owner have no rate: each endpoint is asked one batch after the other."""
    del bucket, rate_per_s, n
    return 0.0
