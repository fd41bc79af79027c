"""Ending tasks for certain."""

import asyncio
from typing import Any

__all__ = ["end"]

_AGAIN_S = 0.2


async def end(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel each until it has ended; what it raised is nobody's business any more.

    Once is not enough on Python 3.11: `asyncio.wait_for`, which redis-py sends through, swallows one
    that comes just as its call completes, and a loop would go on for ever.
    """
    left = {task for task in tasks if task is not None}
    while left := {task for task in left if not task.done()}:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=_AGAIN_S)
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
