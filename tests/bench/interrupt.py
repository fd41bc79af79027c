"""Ctrl-C and SIGTERM end the processes that were started, too."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from typing import Any

__all__ = ["run_until_told"]


async def run_until_told(work: Coroutine[Any, Any, int]) -> int:
    """The work's exit status; 130 when it was stopped, after it has put everything away."""
    task = asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print("stopped", file=sys.stderr)
        return 130
