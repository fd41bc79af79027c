"""Work in the background that is never given up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

__all__ = ["lasting"]

_AGAIN_S: Final = 5.0

_log = structlog.get_logger("hub.background")


async def lasting(work: Callable[[], Awaitable[None]], name: str, *, again_s: float = _AGAIN_S) -> None:
    """Until cancelled: what it raises is logged, and it begins again a moment later."""
    while True:
        try:
            await work()
        except Exception:
            _log.exception("hub.background.failed", work=name)
        await asyncio.sleep(again_s)
