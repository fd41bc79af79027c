"""Work over many domains at a mail host that counts requests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from core.upstream.errors import RateLimited

__all__ = ["patiently"]

T = TypeVar("T")
_WAITS: Final = 10
_LONGEST_S: Final = 120.0


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What it gives; where the host asks to wait, it waits and asks again. Raises what it raises at last."""
    for _ in range(_WAITS):
        try:
            return await ask()
        except RateLimited as error:
            await asyncio.sleep(min(error.retry_after_s, _LONGEST_S))
    return await ask()
