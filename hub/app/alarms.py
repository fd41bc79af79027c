"""Alarms that stand for all processes of a hub, kept beside the log: raised once, whoever sees them."""

import asyncio
from collections.abc import Awaitable, Callable, Container, Sequence

from hub.pipeline.maintain import Alarm
from hub.store.state import State

__all__ = ["Alarms"]


class Alarms:
    """Every process that sees an alarm tells of it under the time at which it began: one id, so the log keeps
    one event. Every verb raises `StoreError`.
    """

    def __init__(
        self, state: State, tell: Callable[[Alarm, str, int], Awaitable[None]], *, now_ms: Callable[[], int]
    ) -> None:
        """`tell(alarm, tenant, since_ms)`."""
        self._state = state
        self._tell = tell
        self._now_ms = now_ms
        self._told: dict[str, int] = {}
        """What this process told of, and since when it stood."""
        self._in_turn = asyncio.Lock()

    async def stand(self, alarm: Alarm, tenant: str) -> None:
        """It holds now."""
        name = f"{alarm.code} {alarm.subject}"
        async with self._in_turn:
            since_ms = await self._state.stand(name, self._now_ms())
            if self._told.get(name) == since_ms:
                return
            self._told[name] = since_ms
        await self._tell(alarm, tenant, since_ms)

    async def fall(self, code: str, subject: str) -> None:
        """It holds no more."""
        await self._fall(f"{code} {subject}")

    async def compare(self, standing: Sequence[Alarm], codes: Container[str], tenant: str) -> None:
        """These are all that hold of the `codes`."""
        named = {f"{alarm.code} {alarm.subject}" for alarm in standing}
        for name in await self._state.standing():
            if name not in named and name.partition(" ")[0] in codes:
                await self._fall(name)
        for alarm in standing:
            await self.stand(alarm, tenant)

    async def _fall(self, name: str) -> None:
        async with self._in_turn:
            self._told.pop(name, None)
            await self._state.fall(name)
