"""A live hub over a server that loses its end: a Redis or Valkey that keeps a snapshot only, killed and
started again from an older one.
"""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import aiohttp
import orjson
import pytest
import redis as blocking
from structlog.testing import capture_logs

from hub.app.hub import Hub
from hub.archive.base import ArchiveError
from hub.pipeline.maintain import Retention
from hub.store.base import RolledBack
from hub.store.client import Client
from hub.store.log import RedisLog
from hub.telemetry.metrics import METRICS
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings, written
from tests.factories.stages import event
from tests.servers.place import QUICK
from tests.servers.redis import RedisProcess

pytestmark = pytest.mark.integration
WAIT_S = 60.0


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxh", dir=QUICK) as name:
        yield Path(name)


@pytest.fixture
def server(log_server):
    """One that keeps what it was told to save, and nothing else."""
    process = RedisProcess(log_server.binary, appendonly="no")
    process.start()
    yield process
    process.stop()


def save(server):
    with blocking.Redis(unix_socket_path=str(server.socket)) as client:
        client.save()


def crash(server):
    """Killed, and there again with what it saved last."""
    server.kill()
    server.start()


def head(server):
    with blocking.Redis(unix_socket_path=str(server.socket)) as client:
        return {name.decode(): value.decode() for name, value in client.hgetall("mxhub:{p0}:head").items()}


@asynccontextmanager
async def hub_over(server, folder, roles=BOTH, **options):
    async with Hub(settings(folder, server.url), roles, registry=REGISTRY, **options) as hub:
        yield hub


async def get(hub, path):
    async with aiohttp.ClientSession() as session, session.get(hub.url + path) as answer:
        return answer.status, orjson.loads(await answer.read())


async def refusal(hub, n):
    """What a vendor is told, once the hub has found the server again."""
    said = {}

    async def told():
        status, answer = await post(hub, n)
        said.update(answer.get("error") or {}, status=status)
        return said.get("code") not in {"log_unavailable", None}

    await come_true(told, WAIT_S)
    return said


async def delivered(folder, ids):
    await come_true(lambda: set(ids) <= set(written(folder / "all.ndjson")), WAIT_S)


async def archived(hub, n):
    async def held():
        return hub.keeper.offset >= n

    await come_true(held, WAIT_S)


async def some(hub, folder, *numbers):
    """Posted, delivered and archived."""
    ids = [(await post(hub, n))[1]["ids"][0] for n in numbers]
    await delivered(folder, ids)
    await archived(hub, (await hub.store.log.head()).seq)
    return ids


def health(folder):
    """The hub's own events that came out."""
    lines = map(orjson.loads, (folder / "all.ndjson").read_bytes().splitlines())
    return [one for one in lines if one["metadata"]["log_provider"] == "mxhub"]


async def test_a_hub_stops_and_says_why_when_its_log_went_back(server, folder):
    with capture_logs() as lines:
        async with hub_over(server, folder) as hub:
            await some(hub, folder, 1, 2)
            save(server)
            kept = head(server)
            await some(hub, folder, 3, 4, 5)
            out = (folder / "all.ndjson").read_bytes()
            crash(server)

            said = await refusal(hub, 6)

            assert (said["status"], said["code"]) == (503, "log_rolled_back")
            assert "stop every process of this hub" in said["message"]
            status, readiness = await get(hub, "/readyz")
            assert (status, "went back to event 2" in readiness["reason"]) == (503, True)
            assert (await get(hub, "/api/v1/books"))[0] in {401, 503}
            await come_true(lambda: METRICS.value("mxhub_log_rolled_back") == 1, WAIT_S)
            with pytest.raises(RolledBack):
                await hub.keeper.trim()
            assert "hub.log_rolled_back log" in await hub.store.state.standing()
            assert (folder / "all.ndjson").read_bytes() == out
            now = head(server)
            same = ("seq", "routed", "trim", "bytes")
            assert [now[name] for name in same] == [kept[name] for name in same]
            assert now["lost"] == "2:5"
    alarms = [line["code"] for line in lines if line["event"] == "hub.alarm.raised"]
    assert alarms == ["hub.log_rolled_back"]


async def test_the_next_start_says_what_to_choose_and_goes_on_with_the_log_when_told(server, folder):
    async with hub_over(server, folder) as hub:
        await some(hub, folder, 1, 2)
        save(server)
        await some(hub, folder, 3, 4, 5)
        crash(server)
        await refusal(hub, 6)

    for believe in (False, True):
        with pytest.raises(ArchiveError, match=r"do not belong together.*--believe-log"):
            async with hub_over(server, folder, believe_log=believe):
                pass
    (folder / "data" / "archive").rename(folder / "archive before")
    async with hub_over(server, folder, believe_log=True) as hub:
        new = await some(hub, folder, 11, 12, 13)
        (book,) = await hub.store.log.books()
        await come_true(
            lambda: any(one["metadata"]["event_code"] == "hub.log_rolled_back" for one in health(folder))
        )

        assert book.balanced
        assert await hub.store.state.standing() == {}
        assert {uid: written(folder / "all.ndjson")[uid] for uid in new} == dict.fromkeys(new, 1)
        assert "lost" not in head(server)
    async with hub_over(server, folder) as hub:
        assert (await get(hub, "/readyz"))[0] == 200


async def test_a_log_that_was_filled_up_again_before_anybody_looked_is_noticed_too(server, folder):
    """By a process that knows nothing: each number it gives, another event had before."""

    async def elsewhere():
        client = Client.from_url(server.url)
        log = RedisLog(client)
        client.greet = log.rejoin
        await log.record([event(900 + n) for n in range(20)], now_ms=1)
        await client.aclose()

    async with hub_over(server, folder) as hub:
        await some(hub, folder, 1, 2)
        save(server)
        await some(hub, folder, 3, 4, 5)
        out = (folder / "all.ndjson").read_bytes()
        crash(server)
        other = Thread(target=asyncio.run, args=(elsewhere(),))
        other.start()
        other.join()  # this process stands still meanwhile

        said = await refusal(hub, 6)

        assert said["code"] == "log_rolled_back"
        assert head(server)["lost"] == "2:5"
        assert (head(server)["seq"], head(server)["trim"]) == ("22", "2")
        assert (folder / "all.ndjson").read_bytes() == out
    with pytest.raises(ArchiveError, match="event 3 is not the same"):
        async with hub_over(server, folder):
            pass


async def test_where_the_archive_has_nothing_of_it_a_restart_is_all_it_takes(server, folder):
    serving = frozenset({"serve"})
    async with hub_over(server, folder, serving) as front:
        kept = [(await post(front, n))[1]["ids"][0] for n in (1, 2)]
        save(server)
        await post(front, 3)
        crash(server)
        assert (await refusal(front, 4))["code"] == "log_rolled_back"
    async with hub_over(server, folder, serving) as front:
        assert (await refusal(front, 4))["code"] == "log_rolled_back", "nobody has looked at the archive yet"
        async with hub_over(server, folder, frozenset({"work"})) as hub:
            again = [(await post(front, n))[1]["ids"][0] for n in (3, 4)]
            await delivered(folder, [*kept, *again])
            (book,) = await hub.store.log.books()

            assert book.balanced
            assert written(folder / "all.ndjson") == Counter([*kept, *again])
            assert [one["severity_id"] for one in health(folder)] == [5]


async def test_a_server_that_comes_back_with_everything_is_gone_on_with(server, folder):
    async with hub_over(server, folder) as hub:
        before = await some(hub, folder, 1, 2)
        save(server)
        crash(server)

        async def taken():
            return (await post(hub, 3))[0] == 202

        await come_true(taken, WAIT_S)
        after = await some(hub, folder, 4)

        assert "lost" not in head(server)
        assert set(written(folder / "all.ndjson")) >= {*before, *after}
        assert (await get(hub, "/readyz"))[0] == 200


async def test_an_append_only_file_that_is_whole_loses_nothing_over_many_restarts(
    log_server_of_its_own, folder
):
    server = log_server_of_its_own
    acked = []
    async with hub_over(server, folder) as hub:
        for n in range(20):

            async def taken(n=n):
                status, said = await post(hub, n)
                acked.extend(said.get("ids", ()))
                return status == 202

            await come_true(taken, WAIT_S)
            if n % 5 == 4:
                crash(server)
        await delivered(folder, acked)

        assert (await hub.store.log.head()).rolled_back == ""
        assert len(head(server)["runs"].split()) >= 4


async def test_what_was_owed_from_before_a_new_archive_ends_as_expired(server, folder):
    async with hub_over(server, folder) as hub:
        await hub.store.log.pause("all", now_ms=hub.now_ms())
        for n in (1, 2):
            await post(hub, n)
        await archived(hub, 2)
        await come_true(lambda: head(server)["trim"] == "2", WAIT_S)
        save(server)
        await post(hub, 3)
        await archived(hub, 3)
        crash(server)
        await refusal(hub, 4)
    (folder / "data" / "archive").rename(folder / "archive before")
    async with hub_over(server, folder, believe_log=True) as hub:
        await hub.store.log.resume("all", now_ms=hub.now_ms())
        (new,) = (await post(hub, 11))[1]["ids"]
        await archived(hub, 3)
        retention = Retention(hub.store.log, hub.keeper, keep_ms=None, max_bytes=None, now_ms=hub.now_ms)

        assert (await retention.run())[1] == {"all": 2}
        await delivered(folder, [new])
        (book,) = await hub.store.log.books()
        assert (book.balanced, book.dropped_by) == (True, {"expired": 2})
