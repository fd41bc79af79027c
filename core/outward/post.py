"""The service's way out, running: relay, engine, and what has to be seen to now and then."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import structlog
from redis.asyncio import Redis

from core.outward.hooks import Hooks
from core.outward.ledger import Disabled, Ledger
from core.outward.policy import Policy
from core.outward.relay import Relay
from core.outward.settling import Settling
from core.outward.targets import Targets
from core.store.clock import Clock
from core.store.database import Database, Unavailable
from hub.access.secret_text import Sealer
from hub.delivery import Engine, RolledBack, StoreError
from hub.sdk.ending import end
from hub.sdk.http import Guard, Refused

__all__ = ["FAMILY", "Outward"]

FAMILY = "core"
"""Of the service's log; a sandbox on the same server has another."""
_SOON_S = 0.01
_TROUBLE_S = 0.5
_PATIENCE = 3
"""Troubles in a row before the log is opened anew: it may have been emptied under us."""
_logger = structlog.get_logger("core.outward")


class Outward:
    """`async with` it. `wake` tells that something was, or is about to be, committed.

    Args:
        redis: where the log is; replies are bytes. Its keys are those of the family alone.
        sealer: of the secrets that the database holds.
        disabled: puts on record that an endpoint was disabled.

    Raises `ValueError` for a network of the policy that is none.

    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        sealer: Sealer,
        *,
        disabled: Disabled,
        clock: Clock,
        policy: Policy,
        family: str = FAMILY,
    ) -> None:
        self._database = database
        self._redis = redis
        self._clock = clock
        self._family = family
        self._guard = Guard(policy.allow_networks)
        self.policy = policy
        self.sealer = sealer
        ledger = Ledger(database, clock=clock, disabled=disabled)
        self.hooks = Hooks(database, sealer, ledger, clock=clock, policy=policy)
        self.targets = Targets(database, sealer, clock=clock, policy=policy)
        self._kinds: Sequence[Settling] = (self.hooks, self.targets)
        self._relay = self._new_relay()
        self.engine = self._new_engine()
        self._bell = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._settle_at = 0.0

    async def __aenter__(self) -> Self:
        """Never waits for the log's server: what is down is tried again."""
        await self.engine.start()
        self._task = asyncio.create_task(self._run(), name="outward")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing that was committed is lost: it is sent after the next start."""
        await end(self._task)
        with suppress(StoreError, Unavailable):
            await self._settle()
            await self._relay.leave(self.engine)
        await self.engine.stop()
        self.targets.close()

    def objection(self, host: str) -> str | None:
        """What speaks against a host that is an address; names are judged when they are looked up."""
        try:
            self._guard.check_literal(host)
        except Refused as error:
            return str(error)
        return None

    @property
    def carried(self) -> int | None:
        """The number of the last event that went into the log; None before the first look."""
        mark = self._relay.mark
        return None if mark is None else mark.seq

    def wake(self) -> None:
        """Look at the outbox now, and again in a moment: the commit may still be on its way."""
        self._bell.set()

    async def _run(self) -> None:
        pause_s, troubles = _SOON_S, 0
        while True:
            try:
                done = await self._relay.turn(self.engine)
                await self._settle_when_due()
            except Exception as error:  # total on purpose: whatever it is, the database has every event
                troubles += 1
                _say(error)
                if isinstance(error, RolledBack) or troubles >= _PATIENCE:
                    await self._renew()
                    troubles = 0
                await asyncio.sleep(_TROUBLE_S)
                continue
            troubles = 0
            pause_s = _SOON_S if done else await self._pause(pause_s)

    async def _pause(self, pause_s: float) -> float:
        """Until there is news. Returns how long to wait next: longer each time, short again after news."""
        with suppress(TimeoutError):  # wait_for of Python 3.11 may swallow a cancellation here
            async with asyncio.timeout(pause_s):
                await self._bell.wait()
                self._bell.clear()
                return _SOON_S
        return min(pause_s * 2, self.policy.idle_s)

    async def _settle_when_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._settle_at:
            await self._settle()
            self._settle_at = now + self.policy.settle_s

    async def _settle(self) -> None:
        mark = self._relay.mark
        if mark is None:
            return
        owed = {row.name: row for row in await self.engine.owed()}
        if not await self._relay.is_current(self.engine, mark):
            return
        for kind in self._kinds:
            await kind.settle(self.engine, mark, owed)
        for row in owed.values():
            if row.name not in self._relay.rows:
                await self.engine.forget(row.name)

    async def _renew(self) -> None:
        """The log lost what this process saw, or everything: the database has it."""
        with suppress(StoreError):
            await self._relay.leave(self.engine)
        await self.engine.stop()
        self._relay, self.engine = self._new_relay(), self._new_engine()
        try:
            await self.engine.log.accept()
        except Exception as error:  # said again by the next look
            _say(error)
        await self.engine.start()

    def _new_relay(self) -> Relay:
        return Relay(self._database, self._kinds, clock=self._clock)

    def _new_engine(self) -> Engine:
        relay = self._relay
        return Engine(
            self._redis,
            family=self._family,
            serve=relay.serve,
            stored=relay.stored,
            now_ms=self._clock,
        )


def _say(error: Exception) -> None:
    if isinstance(error, StoreError | Unavailable):
        _logger.warning("core.outward.interrupted", error=str(error))
    else:
        _logger.error("core.outward.failed", error=repr(error), exc_info=error)
