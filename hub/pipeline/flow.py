"""The order of the stages, and what drives them. An event's way through this file, top to bottom:

    recorded (hub.pipeline.record, hub.pipeline.poll) -> the log
    router    log -> references in the queues of the connectors that want it
    keeper    log -> archive, then the log forgets
    lanes     queue -> payload -> connector -> fate

Each stage is driven by a loop of its own: a round at once while there is work, else when its bell rings,
else after a short
pause, because a bell alone strands work when the process that should ring it dies.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from secrets import token_hex

import structlog

from hub.archive.base import ArchiveError
from hub.pipeline.keep import Keeper
from hub.pipeline.lanes import LEASE_MS, Lanes
from hub.pipeline.payloads import MissingPayload
from hub.pipeline.route import Router
from hub.sdk.ending import end
from hub.store.base import Log, RolledBack, StoreError
from hub.telemetry import happenings

__all__ = ["Flow"]

_PAUSES = {"router": 0.02, "ready": 0.02, "keeper": 0.1}
"""Seconds a stage without work waits for its bell: what another process recorded rings no bell here."""
_PAUSES_ALONE = {"router": 0.2, "ready": 0.1, "keeper": 0.5}
"""The same where every bell is in this process: an idle hub should cost next to nothing."""
_GATHER = {"router": (0.003, 100), "keeper": (0.012, 200)}
"""Seconds a stage lets work gather after a round of fewer events than the second figure: a round has its
price however small it is (the archive's commit 0.9 ms, measured). The first event after a pause waits for
nothing, a backlog neither."""
_STANDBY_S = LEASE_MS / 3000
_TROUBLE_S = 0.5
_ROUTER = "@router"
"""Name of the router's lease."""
_logger = structlog.get_logger("hub.pipeline.flow")


class Flow:
    """Drives one partition's stages in this process."""

    def __init__(
        self,
        log: Log,
        *,
        router: Callable[[Callable[[Iterable[str]], None]], Router],
        keeper: Keeper | None,
        lanes: Lanes,
        now_ms: Callable[[], int],
        alone: bool = False,
    ) -> None:
        """`alone`: no other process records into or works on this log."""
        self._pauses = _PAUSES_ALONE if alone else _PAUSES
        self._log = log
        self._keeper = keeper
        self._lanes = lanes
        self._now_ms = now_ms
        self._router = router(self._routed)
        self._router_bell = asyncio.Event()
        self._keeper_bell = asyncio.Event()
        self._token = token_hex(8)
        self._router_lease_ms = 0
        self._tasks: list[asyncio.Task[None]] = []

    def recorded(self) -> None:
        """Ring after a commit in this process."""
        self._router_bell.set()

    def _routed(self, connectors: Iterable[str]) -> None:
        self._lanes.wake(connectors)
        self._keeper_bell.set()

    async def start(self) -> None:
        self._drive("router", self._route, self._router_bell)
        self._drive("ready", self._ready, asyncio.Event())
        if self._keeper is not None:
            self._drive("keeper", self._keeper.turn, self._keeper_bell)

    async def stop(self, within_s: float = 5.0) -> None:
        """Stop routing and archiving after the round in flight, then the lanes."""
        await end(*self._tasks)
        if self._router_lease_ms:
            with suppress(StoreError):  # it expires by itself
                await self._log.release(_ROUTER, self._token)
        await self._lanes.stop(within_s)
        if self._keeper is not None:
            self._keeper.close()

    def _drive(self, name: str, turn: Callable[[], Awaitable[int]], bell: asyncio.Event) -> None:
        self._tasks.append(asyncio.create_task(self._loop(name, turn, bell), name=name))

    async def _loop(self, name: str, turn: Callable[[], Awaitable[int]], bell: asyncio.Event) -> None:
        while True:
            bell.clear()
            wait_s = self._pauses[name]
            try:
                self._log.check()
                if done := await turn():
                    gather_s, enough = _GATHER[name]
                    await asyncio.sleep(gather_s if done < enough else 0)
                    continue
            except RolledBack as error:  # for good, in a process that saw what is lost
                happenings.log_rolled_back(str(error))
                wait_s = _STANDBY_S
            except (StoreError, ArchiveError, MissingPayload) as error:
                wait_s = self._trouble(name, str(error))
            except Exception as error:
                _logger.exception("hub.stage.failed", stage=name)
                wait_s = self._trouble(name, repr(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await bell.wait()

    def _trouble(self, name: str, error: str) -> float:
        """Seconds until the stage tries again; the router does not trust what it knew."""
        happenings.stage_interrupted(name, error)
        if name == "router":
            self._router.forget()
        return _TROUBLE_S

    async def _route(self) -> int:
        """One worker routes at a time; the lease saves the others the work of being refused."""
        now = time.monotonic_ns() // 1_000_000
        if self._router_lease_ms - now < LEASE_MS // 2:
            if not await self._log.acquire(_ROUTER, self._token, LEASE_MS):
                self._router.forget()
                await asyncio.sleep(_STANDBY_S)
                return 0
            self._router_lease_ms = now + LEASE_MS
        return await self._router.turn()

    async def _ready(self) -> int:
        self._lanes.wake(await self._log.ready(self._now_ms(), 1000), due=True)
        return 0
