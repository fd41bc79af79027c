"""A hub process of the stage: forked from a server that has everything imported already, so that a start
costs milliseconds.
"""

import asyncio
import os
import signal
import sys

import uvloop

from hub.app.hub import Hub
from hub.config.load import load_text
from hub.registry import Registry

REGISTRY = Registry()
REGISTRY.connector("opensearch")
REGISTRY.source("mailguard")
REGISTRY.source("mxhub")

__all__ = ["main"]


def main(config, roles, log_path, mutate):
    """Run a hub until SIGTERM. `mutate` names a defect to build in (the oracle's own test)."""
    descriptor = os.open(log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = os.fdopen(os.dup(descriptor), "w", buffering=1)
    if mutate:
        from tests.chaos.defects import build_in

        build_in(mutate)
    uvloop.run(_run(config, roles))


async def _run(config, roles):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Hub(load_text(config, registry=REGISTRY), frozenset(roles), registry=REGISTRY):
        await stop.wait()
