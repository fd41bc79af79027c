"""OpenSearch read-only for an hour, and a full disk under the archive: nothing is parked, nothing is lost."""

import asyncio
import json
import resource
import time
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest

from hub.app.hub import Hub
from hub.config.load import load_text
from hub.sdk.testing import Reply, StrictServer
from tests.factories.hostile_bodies import good
from tests.factories.hostile_signatures import SECRET, signed
from tests.factories.hubs import BOTH, REGISTRY, come_true
from tests.factories.opensearch import PlayedOpenSearch, item
from tests.factories.process import HubProcess, mxhub, until
from tests.factories.stages import event
from tests.servers.place import QUICK

HOUR = 3_600_000


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxo", dir=QUICK) as name:
        yield Path(name)


# -- OpenSearch read-only ------------------------------------------------------------------------------------
class Clock:
    ahead_ms = 0

    def __call__(self):
        return time.time_ns() // 1_000_000 + self.ahead_ms


async def an_hour_of_read_only(folder, url, make, found):
    """40 events before, 400 while it takes none, 40 after; the books while it lasts and in the end."""
    clock = Clock()
    settings = load_text(
        f"""
listen: "127.0.0.1:0"
data: "{folder / "data"}"
tenant: acme
connectors:
  search:
    kind: opensearch
    url: "{url}"
    allow_networks: [127.0.0.0/8]
    match: {{source: mg}}
    probe_most_s: 1
  health: {{kind: file, path: "{folder / "health.ndjson"}", match: {{source: mxhub}}}}
""",
        registry=REGISTRY,
    )
    async with Hub(settings, BOTH, registry=REGISTRY, clock=clock) as hub:

        async def book():
            books = {one.connector: one for one in await hub.store.log.books()}
            assert all(one.balanced for one in books.values())
            return books["search"]

        async def record(numbers):
            await hub.recorder.record([event(n, recorded_ms=clock()) for n in numbers])

        async def delivered(n):
            return (await book()).delivered == n

        await record(range(1, 41))
        await come_true(lambda: delivered(40), within_s=60)
        await make(read_only=True)
        for step in range(10):
            await record(range(41 + step * 40, 81 + step * 40))
            clock.ahead_ms += HOUR // 10
            await asyncio.sleep(0.1)

        async def blocked():
            return (await book()).blocked is not None

        await come_true(blocked, within_s=60)
        during = await book()
        await make(read_only=False)
        await record(range(441, 481))
        await come_true(lambda: delivered(480), within_s=120)
        told = [orjson.loads(line) for line in (folder / "health.ndjson").read_bytes().splitlines()]
        after = await book()
    await come_true(lambda: found() == 480, within_s=60)
    return during, after, [one["metadata"]["event_code"] for one in told]


class Closable(PlayedOpenSearch):
    """One whose indices can be made read-only; it says so as a node does, event by event."""

    read_only = False

    async def set(self, *, read_only):
        self.read_only = read_only

    def _bulk(self, request):
        if not self.read_only:
            return super()._bulk(request)
        why = "index [mxhub] blocked by: [FORBIDDEN/5/index read-only (api)];"
        events = request.body.count(b"\n") // 2
        return Reply(json={"errors": True, "items": [item(403, "cluster_block_exception", why)] * events})


def proven(during, after, told):
    assert "make room or lift the block" in during.blocked
    assert (during.delivered, during.pending, during.parked, during.dropped) == (40, 400, 0, 0)
    assert (after.delivered, after.pending, after.parked, after.dropped) == (480, 0, 0, 0)
    assert told.count("hub.connector_blocked") == 1


@pytest.mark.acceptance
@pytest.mark.server("valkey")
async def test_opensearch_read_only_for_an_hour_blocks_and_parks_nothing(folder):
    async with StrictServer() as server:
        played = Closable(server)
        proven(*await an_hour_of_read_only(folder, server.url, played.set, lambda: len(played.held)))

    assert set(played.copies.values()) == {1}


@pytest.mark.integration
@pytest.mark.timeout(300)
async def test_a_real_node_with_its_indices_read_only_for_an_hour(folder, opensearch_node):
    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        method = "GET" if body is None else "PUT"
        request = urllib.request.Request(
            f"{opensearch_node}/{path}",
            data=data,
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def names():
        return ",".join(row["index"] for row in ask("_cat/indices?format=json") if "mxhub" in row["index"])

    async def make(*, read_only):
        await asyncio.to_thread(lambda: ask(f"{names()}/_settings", {"index.blocks.read_only": read_only}))

    def found():
        ask("_refresh")
        return ask(f"{names()}/_count")["count"]

    proven(*await an_hour_of_read_only(folder, opensearch_node, make, found))


# -- the archive's disk --------------------------------------------------------------------------------------
CONFIG = """
data: .mxhub
tenant: acme
log: {{max_entries: 1000}}
sources:
  hook: {{vendor: mailguard, secrets: [{secret}], signature: hmac-hex}}
connectors:
  all: {{kind: file, path: all.ndjson}}
"""


def post(hub, n):
    """Status and what was said."""
    body = good(n)
    return hub.post("/in/hook", body, **{name: value.decode() for name, value in signed("hex", body)})


def limit_files(hub, most_bytes):
    """From now on no file of this process grows beyond that: the path that a full disk takes. The log's
    server, a process of its own, is not concerned: its folder is on another disk, so to speak.
    """
    _, hard = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (most_bytes, hard))


@pytest.mark.acceptance
@pytest.mark.server("valkey")
def test_the_archives_disk_is_full_until_somebody_makes_room(folder):
    with HubProcess(folder, config=CONFIG.format(secret=SECRET.decode())) as hub:
        acked = [one for n in range(1, 11) for one in _accepted(post(hub, n))]
        until(lambda: _archived(hub) >= 10, 60)

        wal = max((folder / ".mxhub" / "archive").rglob("*-wal"), key=lambda path: path.stat().st_size)
        limit_files(hub, wal.stat().st_size)
        full, n = None, 10
        while full is None:
            n += 1
            status, said = post(hub, n)
            if status == 202:
                acked += said["ids"]
            else:
                full = status, said["error"]["code"]
            assert n < 1200, "the log never filled up"
        during = hub.ask("books")

        limit_files(hub, resource.RLIM_INFINITY)
        until(lambda: post(hub, n)[0] == 202, 60)
        until(lambda: hub.ask("books")[0]["pending"] == 0, 60)
        until(lambda: _archived(hub) >= len(acked) + 1, 60)
        after = hub.ask("books")
        archived = _ids(hub)

    assert full == (503, "log_full")
    assert 900 <= len(acked) <= 1100, "the log took what it has room for"
    assert during[0]["parked"] == after[0]["parked"] == after[0]["dropped"] == 0
    assert set(acked) <= archived
    lines = [orjson.loads(line) for line in (folder / "all.ndjson").read_bytes().splitlines()]
    assert set(acked) <= {one["metadata"]["uid"] for one in lines}


def _accepted(answer):
    status, said = answer
    assert status == 202, said
    return said["ids"]


def _ids(hub):
    done = mxhub(
        "events", "--limit", "0", "--source", "hook", "--json", "--data", str(hub.data), cwd=hub.folder
    )
    return {json.loads(line)["metadata"]["uid"] for line in done.stdout.splitlines()}


def _archived(hub):
    return len(_ids(hub))
