"""Tenants of which nothing is taken in, because they are being erased or were: what every door and walk asks.

The set is durable beside the log; each process looks at it once a second. An erasure waits longer than that
before it believes that its tenant is closed everywhere.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

from hub.sdk.ending import end
from hub.store.base import StoreError

__all__ = ["LOOK_S", "ClosedTenants"]

LOOK_S = 1.0


class ClosedTenants:
    """`tenant in closed`; run `start` and `stop` around it."""

    def __init__(
        self,
        load: Callable[[], Awaitable[frozenset[str]]],
        looked: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`looked` is called after each look that found closed tenants: what was removed is let go of."""
        self._load = load
        self._looked = looked
        self._closed: frozenset[str] = frozenset()
        self._task: asyncio.Task[None] | None = None

    def __contains__(self, tenant: object) -> bool:
        return tenant in self._closed

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._closed))

    async def start(self) -> None:
        """Raises `StoreError` when the first look fails: nothing may be taken in before it is known."""
        await self.look()
        self._task = asyncio.create_task(self._for_ever(), name="closed tenants")

    async def look(self) -> None:
        """Raises `StoreError`; what was known stays in force then."""
        self._closed = await self._load()
        if self._closed and self._looked is not None:
            await self._looked()

    async def _for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            with suppress(StoreError):  # a log that cannot be reached takes nothing in either
                await self.look()

    async def stop(self) -> None:
        await end(self._task)
