"""A hub process of the stage: forked from a server that has everything imported already, so that a start
costs milliseconds.
"""

import asyncio
import functools
import os
import signal
import sys

import uvloop

from hub.app import store
from hub.app.hub import Hub
from hub.config.load import load_text
from hub.registry import Registry
from hub.store.embedded.server import EmbeddedServer
from hub.telemetry.logs import setup

REGISTRY = Registry()
REGISTRY.connector("opensearch")
REGISTRY.source("mailguard")
REGISTRY.source("mxhub")

__all__ = ["main"]


def main(config, roles, log_path, mutate, orphans):
    """Run a hub until SIGTERM.

    `mutate` names a defect to build in (the oracle's own test). With `orphans` the log's server outlives a
    killed hub, as it does where the kernel's parent-death signal does not reach it.
    """
    descriptor = os.open(log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout = sys.stderr = os.fdopen(os.dup(descriptor), "w", buffering=1)
    if mutate:
        from tests.chaos.defects import build_in

        build_in(mutate)
    if orphans:
        store.EmbeddedServer = functools.partial(EmbeddedServer, die_with_parent=False)
    uvloop.run(_run(config, roles))


async def _run(config, roles):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    settings = load_text(config, registry=REGISTRY)
    setup(settings)
    async with Hub(settings, frozenset(roles), registry=REGISTRY):
        await stop.wait()
