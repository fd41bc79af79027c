"""Work that goes on after the answer, so that the time of the answer tells nothing about it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

__all__ = ["Errands"]

_log = structlog.get_logger(__name__)


class Errands:
    """At most `most` of them at a time. They end with the process: nothing that was promised belongs here."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Whether there was room for it. What it raises is logged under `name`."""
        if len(self._running) >= self._most:
            return False
        task = asyncio.ensure_future(_logged(name, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def idle(self) -> None:
        """Wait for all that run."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def close(self) -> None:
        """Give up those that run."""
        for task in self._running:
            task.cancel()
        await self.idle()


async def _logged(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await work()
    except Exception as error:  # nobody waits for it: the log is the only one to hear of it
        _log.error("core.errand.failed", errand=name, error=type(error).__name__)
