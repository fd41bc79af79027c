"""All senders of this process: starts a round for each connector that is ready and whose lease we hold.

One task a ready connector, so that one that hangs delays only itself. A lease (extended while a round
runs) only saves work when several workers run.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from secrets import token_hex

import structlog

from hub.pipeline.send import Sender
from hub.sdk.ending import end
from hub.store.base import UNTOLD, Log, StoreError

__all__ = ["LEASE_MS", "Lanes"]

LEASE_MS = 3000
_DEFECT_MS = 5000
"""Until a lane that failed is tried again."""
_logger = structlog.get_logger("hub.pipeline.lanes")


class Lanes:
    """Runs senders. `make` gives the sender of a row's name, or `None` for one that nobody here serves
    (orphaned).
    """

    def __init__(self, log: Log, make: Callable[[str], Sender | None], *, now_ms: Callable[[], int]) -> None:
        self._log = log
        self._make = make
        self._now_ms = now_ms
        self._token = token_hex(8)
        self._senders: dict[str, Sender | None] = {}
        self._leases: dict[str, int] = {}
        self._elsewhere: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._stopping = False

    def names(self) -> Sequence[str]:
        """Rows that were served or looked at here."""
        return list(self._senders)

    def wake(self, names: Iterable[str], *, due: bool = False) -> None:
        """Start a round for each name, or another after the one that runs.

        `due`: the store says so. News alone (the router's) wakes no blocked destination before its probe.
        What the store says of a lane that runs is what that one is at, and is said again if anything is left.
        """
        if self._stopping:
            return
        for name in names:
            if name in self._tasks:
                if not due:
                    self._again.add(name)
            elif not self._left_alone(name, due=due):
                task = asyncio.create_task(self._serve(name, due=due), name=f"lane {name}")
                self._tasks[name] = task
                task.add_done_callback(partial(self._ended, name))

    def _left_alone(self, name: str, *, due: bool) -> bool:
        """Served by nobody here, by another worker until it shows otherwise, or blocked and not due."""
        if name not in self._senders:
            return False
        sender = self._senders[name]
        if sender is None or (sender.blocked and not due):
            return True
        return self._elsewhere.get(name, 0) > _monotonic_ms()

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        """Also for a round that was cancelled before its first step."""
        if self._tasks.get(name) is task:
            del self._tasks[name]
            if name in self._again:  # woken between its last look and its end
                self._again.discard(name)
                self.wake([name])

    async def stop(self, within_s: float) -> None:
        """Let running rounds settle for a while, cancel what still hangs, close connectors, give leases
        back.
        """
        self._stopping = True
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=within_s)
        await end(*self._tasks.values())
        for name in list(self._senders):
            await self.close(name)

    async def close(self, name: str) -> None:
        """Close one lane; the next wake opens it anew (a changed configuration)."""
        sender = self._senders.pop(name, None)  # first: a wake from here on must not get one that is closed
        await end(self._tasks.get(name))
        if sender is not None:
            await sender.close()
        if self._leases.pop(name, 0) > _monotonic_ms():
            with suppress(StoreError):  # it expires by itself
                await self._log.release(name, self._token)

    async def _serve(self, name: str, *, due: bool) -> None:
        try:
            sender = await self._sender(name)
            if sender is None or (sender.blocked and not due):
                return
            while not self._stopping and await self._hold(name):
                self._again.discard(name)
                settled = await self._turn(name, sender)
                if sender.blocked or ((sender.drained or not settled) and name not in self._again):
                    return
        except StoreError as error:
            _logger.warning("hub.lane.interrupted", connector=name, error=str(error))
        except Exception as error:  # a defect of ours or of a connector: its events wait, everybody sees why
            _logger.exception("hub.lane.failed", connector=name)
            with suppress(StoreError):
                now = self._now_ms()
                reason = f"failed: {type(error).__name__}: {error}"[:300]
                await self._log.block(name, reason, now + _DEFECT_MS, now_ms=now, tell_after_ms=UNTOLD)

    async def _turn(self, name: str, sender: Sender) -> int:
        """One round, the lease extended as long as it takes; most are over before there is need."""
        renewing: list[asyncio.Task[None]] = []

        def renew() -> None:
            renewing.append(asyncio.create_task(self._renew(name), name=f"lease {name}"))

        timer = asyncio.get_running_loop().call_later(LEASE_MS / 3000, renew)
        try:
            return await sender.turn()
        finally:
            timer.cancel()
            await end(*renewing)  # or a lease would be extended for ever

    async def _renew(self, name: str) -> None:
        while True:
            with suppress(StoreError):  # the next round finds out
                await self._log.acquire(name, self._token, LEASE_MS)
            await asyncio.sleep(LEASE_MS / 3000)

    async def _sender(self, name: str) -> Sender | None:
        if name not in self._senders:
            sender = self._make(name)
            if sender is not None:
                await sender.open()
            self._senders[name] = sender
        return self._senders[name]

    async def _hold(self, name: str) -> bool:
        now = _monotonic_ms()
        if self._leases.get(name, 0) - now > LEASE_MS // 2:
            return True
        held = await self._log.acquire(name, self._token, LEASE_MS)
        self._leases[name] = now + LEASE_MS if held else 0
        if not held:
            self._elsewhere[name] = now + LEASE_MS // 3
        return held


def _monotonic_ms() -> int:
    """Leases of ours are counted on a clock that nobody sets."""
    return time.monotonic_ns() // 1_000_000
