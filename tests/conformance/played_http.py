"""What the played HTTP destinations have in common, as the suite wants it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from hub.sdk.testing import Reply, StrictServer

__all__ = ["PlayedHttp"]


class Rules(Protocol):
    """The rules that a factory of `tests.factories` put into a `StrictServer`."""

    always: Reply | None
    refused: frozenset[str]


class PlayedHttp:
    """Trouble, recovery and refusals of a destination on a `StrictServer`."""

    def __init__(self, server: StrictServer, rules: Rules, troubles: Mapping[str, Reply]) -> None:
        self._server = server
        self._rules = rules
        self._troubles = troubles

    async def trouble(self, name: str) -> None:
        if name == "is down":
            await self._server.stop()
        else:
            self._rules.always = self._troubles[name]
        await asyncio.sleep(0)

    async def recover(self) -> None:
        self._rules.always = None
        await self._server.start()

    def refuse(self, uids: Sequence[str]) -> None:
        self._rules.refused = frozenset(uids)
