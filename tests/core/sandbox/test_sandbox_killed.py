"""The sandbox's process is killed in mid-work: what it held it also announced, sooner or later."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from core.sandbox.service import DATABASE
from core.store import quarantine
from core.store.database import Database, sqlite_url
from core.store.tables import messages
from tests.factories.core import SECRET, Receiver, quiet_sandbox, receiver, unsent

_CHILD = """
import asyncio, sys
from pathlib import Path
from core.sandbox.hook import Hook
from core.sandbox.sandbox import Sandbox
from core.sandbox.service import service_of
from core.sandbox.vendors import VENDORS
from hub.store.client import Client

async def main():
    folder, hook = Path(sys.argv[1]), Hook(url=sys.argv[2], secret=sys.argv[3])
    async with (
        service_of(folder, Client.from_url(sys.argv[4])) as core,
        Sandbox(core, VENDORS["mailguard"], folder, mails_per_s=200, hook=hook),
        core.outward,
    ):
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def run_and_kill(directory: Path, hook: Receiver, log: str, events: int) -> None:
    """Kill it once it announced so many events more, whatever it is doing at that moment."""
    root = str(Path(__file__).resolve().parents[3])
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _CHILD,
        str(directory),
        hook.url,
        SECRET,
        log,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    wanted = len(hook.taken) + events
    async with asyncio.timeout(40):
        while len(hook.taken) < wanted:
            await asyncio.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    await child.wait()


async def waits(sandbox) -> bool:
    async with sandbox.core.database.read() as tx:
        return bool(await unsent(tx))


@pytest.mark.slow
async def test_every_held_message_is_announced_although_the_process_is_killed(
    tmp_path, bucket_server, buckets
):
    async with receiver() as hook:
        for events in (10, 25, 40):
            await run_and_kill(tmp_path, hook, bucket_server.url, events)
        async with Database(sqlite_url(tmp_path / DATABASE)) as database, database.read() as tx:
            items = await quarantine.page(tx, quarantine.Filter(), limit=10_000, offset=0)
        held = {item.queue_id for item in items}
        async with (
            asyncio.timeout(20),
            quiet_sandbox(tmp_path, buckets, hook_url=hook.url, partners=["node-2"]) as sandbox,
        ):
            while await waits(sandbox):
                await asyncio.sleep(0.05)
            async with sandbox.core.database.read() as tx:
                states = set((await tx.execute(select(messages.c.state))).scalars())

    assert states == {"done"}
    announced = {event["data"]["queue_id"] for event in hook.taken if event["event"] == "quarantine.added"}
    first_seen = list({event["id"]: json.dumps(event) for event in hook.taken})
    assert len(held) > 20
    assert held <= announced
    assert first_seen == list(dict.fromkeys(event["id"] for event in hook.taken))
    assert hook.forged == 0
