"""All senders of this process: starts a round for each connector that is ready and whose lease we hold.

One task a ready connector, so that one that hangs delays only itself. A lease (extended at half its life
while the lane
is busy) only saves work when several workers run.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from secrets import token_hex

import structlog

from hub.pipeline.ending import end
from hub.pipeline.send import Sender
from hub.store.base import Log, StoreError

__all__ = ["LEASE_MS", "Lanes"]

LEASE_MS = 3000
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

    def wake(self, names: Iterable[str]) -> None:
        """Start a round for each name, or another after the one that runs."""
        if self._stopping:
            return
        for name in names:
            if name in self._tasks:
                self._again.add(name)
            elif not self._left_alone(name):
                self._tasks[name] = asyncio.create_task(self._serve(name), name=f"lane {name}")

    def _left_alone(self, name: str) -> bool:
        """Served by nobody here, or by another worker until it shows otherwise."""
        unserved = name in self._senders and self._senders[name] is None
        return unserved or self._elsewhere.get(name, 0) > self._now_ms()

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
        if self._leases.pop(name, 0) > self._now_ms():
            with suppress(StoreError):  # it expires by itself
                await self._log.release(name, self._token)

    async def _serve(self, name: str) -> None:
        try:
            sender = await self._sender(name)
            while sender is not None and not self._stopping and await self._hold(name):
                self._again.discard(name)
                if await sender.turn() == 0 and name not in self._again:
                    return
        except StoreError as error:
            _logger.warning("hub.lane.interrupted", connector=name, error=str(error))
        except Exception:
            _logger.exception("hub.lane.failed", connector=name)
        finally:
            self._again.discard(name)
            self._tasks.pop(name, None)

    async def _sender(self, name: str) -> Sender | None:
        if name not in self._senders:
            sender = self._make(name)
            if sender is not None:
                await sender.open()
            self._senders[name] = sender
        return self._senders[name]

    async def _hold(self, name: str) -> bool:
        now = self._now_ms()
        if self._leases.get(name, 0) - now > LEASE_MS // 2:
            return True
        held = await self._log.acquire(name, self._token, LEASE_MS)
        self._leases[name] = now + LEASE_MS if held else 0
        if not held:
            self._elsewhere[name] = now + LEASE_MS // 3
        return held
