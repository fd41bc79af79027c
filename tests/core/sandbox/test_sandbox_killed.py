"""The sandbox's process is killed in mid-work: what it held it also announced, sooner or later."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from core.store import quarantine
from core.store.database import Database, sqlite_url
from tests.factories.core import SECRET, Receiver, quiet_sandbox, receiver, unsent

_CHILD = """
import asyncio, sys
from pathlib import Path
from core.sandbox.mailguard import MailGuardSandbox
from hub.store.client import Client

async def main():
    sandbox = MailGuardSandbox(
        Path(sys.argv[1]),
        Client.from_url(sys.argv[4]),
        webhook_url=sys.argv[2],
        webhook_secret=sys.argv[3],
        mails_per_s=200,
    )
    async with sandbox:
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
    async with sandbox.database.read() as tx:
        return bool(await unsent(tx))


@pytest.mark.slow
async def test_every_held_message_is_announced_although_the_process_is_killed(
    tmp_path, bucket_server, buckets
):
    async with receiver() as hook:
        for events in (10, 25, 40):
            await run_and_kill(tmp_path, hook, bucket_server.url, events)
        async with Database(sqlite_url(tmp_path / "mailguard.sqlite3")) as database, database.read() as tx:
            items = await quarantine.page(tx, quarantine.Filter(), limit=10_000, offset=0)
        held = {item.queue_id for item in items}
        async with (
            asyncio.timeout(20),
            quiet_sandbox(tmp_path, buckets, webhook_url=hook.url, webhook_secret=SECRET) as sandbox,
        ):
            while await waits(sandbox):
                await asyncio.sleep(0.05)

    announced = {event["data"]["queue_id"] for event in hook.taken if event["event"] == "quarantine.added"}
    first_seen = list({event["id"]: json.dumps(event) for event in hook.taken})
    assert len(held) > 20
    assert held <= announced
    assert first_seen == list(dict.fromkeys(event["id"] for event in hook.taken))
    assert hook.forged == 0
