"""Slack down for a day, and a token revoked: what people see, and what the books say afterwards."""

import asyncio
import time
import tracemalloc
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGHUP
from tempfile import TemporaryDirectory

import orjson
import pytest

from hub.app.hub import Hub
from hub.config.load import load_text
from hub.model.event import Event, Header
from hub.sdk.testing import Reply, StrictServer
from tests.factories import slack
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.hubs import BOTH, REGISTRY, come_true
from tests.factories.process import HubProcess
from tests.factories.slack import CHANNEL, TOKEN, PlayedSlack
from tests.servers.place import QUICK

pytestmark = [pytest.mark.acceptance, pytest.mark.server("valkey")]

MINUTE, HOUR = 60_000, 3_600_000
WAITING, FRESH = 50_000, 50


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxo", dir=QUICK) as name:
        yield Path(name)


class Clock:
    """A clock that a test sets forward; between, it goes on as usual."""

    def __init__(self):
        self.ahead_ms = 0

    def __call__(self):
        return time.time_ns() // 1_000_000 + self.ahead_ms


def mail(n, at_ms, sender, code="quarantine.added"):
    """A quarantined mail as an OCSF event."""
    header = Header("acme", "mg", 4009, code, 3, f"d{n % 40}.example", at_ms, at_ms)
    body = orjson.dumps({
        "class_uid": 4009,
        "time": at_ms,
        "severity": "Medium",
        "from": sender,
        "message": f"number {n}",
        "metadata": {"uid": f"{n:032x}", "event_code": code, "product": {"name": "MailGuard"}},
        "raw_data": "x" * 600,
    })  # fmt: skip
    return Event(n.to_bytes(16, "big"), header, body)


async def book_of(hub, name):
    found = {book.connector: book for book in await hub.store.log.books()}[name]
    assert found.balanced
    return found


def texts(played):
    return [orjson.dumps(posted.message).decode() for posted in played.posted]


async def test_slack_down_for_a_day_with_50_000_alerts_waiting(folder):
    """One digest and the fresh ones, in bounded memory."""
    clock = Clock()
    async with StrictServer() as server:
        played = PlayedSlack(server)
        played.always = Reply(status=503)
        settings = load_text(
            f"""
listen: "127.0.0.1:0"
data: "{folder / "data"}"
tenant: acme
connectors:
  chat:
    kind: slack
    token: {TOKEN}
    channel: {CHANNEL}
    api_url: {server.url}/api
    allow_networks: [127.0.0.0/8]
    rate_per_s: 20
    probe_most_s: 0.5
""",
            registry=REGISTRY,
        )
        async with Hub(settings, BOTH, registry=REGISTRY, clock=clock) as hub:
            await _a_day_of_alerts(hub, clock)
            before = await book_of(hub, "chat")
            memory = await _played_back(hub, clock, played)
            after = await book_of(hub, "chat")

    assert (before.pending, before.blocked is None, before.parked) == (WAITING + 1, False, 0)
    assert after.dropped_by == {"stale": WAITING + 1}
    assert (after.pending, after.parked) == (0, 0)
    digests = [text for text in texts(played) if "older than 6 h" in text]
    assert len(digests) == 1
    assert f"{WAITING + 1:,} alerts older than 6 h were not sent" in digests[0]
    assert "40,000 quarantine.added, 10,000 quarantine.released, 1 hub.connector_blocked" in digests[0]
    storms = [text for text in texts(played) if "more alerts of sender" in text]
    assert len(storms) == 1
    assert f"{FRESH - 5} more alerts of sender spam@evil.example" in storms[0]
    assert len(played.posted) <= 5 + 1 + 1 + 1, "five fresh ones, their storm, the digest, the recovery"
    assert memory < 32 * 1024 * 1024, f"{memory / 1024 / 1024:.0f} MiB more than before"


async def _a_day_of_alerts(hub, clock):
    """Recorded over 17 hours, the last of them before the limit of six; the clock stands at the first."""
    start = clock()
    for at in range(1, WAITING + 1, 200):
        now = start + at * 17 * HOUR // WAITING
        code = "quarantine.added" if at % 1000 > 1 else "quarantine.released"
        events = [mail(n, now, f"s{n % 997}@evil.example", code) for n in range(at, at + 200)]
        await hub.recorder.record(events)

    async def all_wait():
        found = await book_of(hub, "chat")
        return found.queued + found.retrying == WAITING + 1 and found.blocked is not None

    await come_true(all_wait, within_s=120)


async def _played_back(hub, clock, played):
    """A day after its beginning Slack is back; how much more memory that took at its peak."""
    tracemalloc.start()
    for _ in range(24):
        clock.ahead_ms += HOUR
        await asyncio.sleep(0.1)  # probes, and what grows too old goes
    await hub.recorder.record([mail(WAITING + n, clock(), "spam@evil.example") for n in range(1, FRESH + 1)])
    played.always = None

    async def storm_told():
        return any("more alerts of sender" in text for text in texts(played))

    async def drained():
        found = await book_of(hub, "chat")
        return found.pending == 0

    await come_true(drained, within_s=180)
    clock.ahead_ms += 2 * MINUTE  # the storm's window ends
    await come_true(storm_told, within_s=60)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


CONFIG = """
data: .mxhub
tenant: acme
sources:
  hook: {{vendor: mailguard, secrets: [{secret}], signature: hmac-hex}}
connectors:
  chat:
    kind: slack
    token: ${{file:token}}
    channel: {channel}
    api_url: {url}/api
    allow_networks: [127.0.0.0/8]
    rate_per_s: 50
    probe_most_s: 0.3
    storm: null
    match: {{source: hook}}
  siem: {{kind: file, path: siem.ndjson}}
"""


@asynccontextmanager
async def running(hub):
    """The process, started and ended beside the server that plays its destination."""
    await asyncio.to_thread(hub.start)
    try:
        yield hub
    finally:
        await asyncio.to_thread(hub.__exit__)


def posts(hub, numbers):
    for n in numbers:
        body = good(n)
        headers = {name: value.decode() for name, value in signed("hex", body)}
        assert hub.post("/in/hook", body, **headers)[0] == 202


def said(folder):
    """How often the other connector was told of what, by code."""
    path = folder / "siem.ndjson"
    found = [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
    return Counter(
        event["metadata"]["event_code"] for event in found if event["metadata"]["log_provider"] == "mxhub"
    )


def chat_of(hub):
    return next(book for book in hub.ask("books") if book["connector"] == "chat")


async def test_a_revoked_token_blocks_is_said_once_and_a_new_one_resumes(folder, monkeypatch):
    async with StrictServer() as server:
        played = PlayedSlack(server)
        (folder / "token").write_text(TOKEN)
        config = CONFIG.format(secret=SECRET.decode(), channel=CHANNEL, url=server.url)
        async with running(HubProcess(folder, config=config)) as hub:
            await asyncio.to_thread(posts, hub, range(1, 4))
            await come_true(lambda: len(played.posted) == 3, within_s=60)

            monkeypatch.setattr(slack, "TOKEN", "xoxb-made-4243")  # by its owner, in Slack
            asked = len(server.received)
            await asyncio.to_thread(posts, hub, range(4, 44))
            await come_true(lambda: len(server.received) >= asked + 4, within_s=60)  # probes go on
            await come_true(lambda: said(folder)["hub.connector_blocked"] == 1, within_s=60)
            blocked = await asyncio.to_thread(chat_of, hub)
            while_blocked = said(folder)

            (folder / "token").write_text("xoxb-made-4243")
            hub.send(SIGHUP)
            await come_true(lambda: len(played.posted) == 43, within_s=60)
            await come_true(lambda: said(folder)["hub.connector_recovered"] == 1, within_s=60)
            after = await asyncio.to_thread(chat_of, hub)
            shown = hub.said()

    assert (blocked["pending"], blocked["parked"], "invalid_auth" in blocked["blocked"]) == (40, 0, True)
    assert while_blocked == {"hub.connector_blocked": 1}, "once, however many probes failed"
    assert (after["pending"], after["parked"], after["delivered"], after["blocked"]) == (0, 0, 43, None)
    assert said(folder) == {"hub.connector_blocked": 1, "hub.connector_recovered": 1}
    assert "xoxb" not in shown
