"""One hub process over a real server: what it opens, reloads, and closes."""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import orjson
import pytest
import structlog

from hub.app.hub import Hub
from hub.archive.base import ArchiveError
from hub.archive.query import Query
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings, written
from tests.servers.place import QUICK

LATER = '  later: {{kind: file, path: "{}/later.ndjson"}}'


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxh", dir=QUICK) as name:
        yield Path(name)


@pytest.fixture
def make(folder, log_server, redis):
    """Settings of a hub over the empty server."""

    def made(**options):
        return settings(folder, log_server.url, **options)

    made.all = f'  all: {{kind: file, path: "{folder}/all.ndjson"}}\n'
    made.later = LATER.format(folder)
    return made


def hub_of(settings):
    return Hub(settings, BOTH, registry=REGISTRY)


async def books(hub):
    return {book.connector: book for book in await hub.store.log.books()}


async def test_an_event_comes_in_is_archived_and_delivered(folder, make):
    async with hub_of(make()) as hub:
        status, said = await post(hub, 1)
        await come_true(lambda: written(folder / "all.ndjson") == Counter(said["ids"]))

        async def found():
            return len((await hub.readers.run(hub.archive.search, Query())).hits) == 1

        await come_true(found)
        assert status == 202


async def test_the_command_lines_socket_is_the_owners_alone_and_goes_with_the_hub(folder, make):
    async with hub_of(make()) as hub:
        socket = hub.socket
        runtime = orjson.loads((folder / "data" / "runtime.json").read_bytes())

        assert socket.stat().st_mode & 0o777 == 0o600
        assert (runtime["socket"], runtime["url"]) == (str(socket), hub.url)
        connector = aiohttp.UnixConnector(str(socket))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://hub/api/v1/books") as answer,
        ):
            assert answer.status == 200
    assert not (folder / "data" / "runtime.json").exists()


async def test_a_reload_adds_and_removes_sources(make):
    second = "  second: {vendor: mailguard, secrets: [fuzz-secret-of-the-vendor], signature: hmac-hex}"
    async with hub_of(make()) as hub:
        before = (await post(hub, 1, "second"))[0]
        await hub.reload(make(sources=second))
        during = (await post(hub, 1, "second"))[0]
        await hub.reload(make())

        assert (before, during, (await post(hub, 2, "second"))[0]) == (404, 202, 404)


async def test_a_reload_rotates_a_secret(make):
    async with hub_of(make(secret="old")) as hub:
        before = (await post(hub, 1))[0]
        await hub.reload(make())

        assert (before, (await post(hub, 1))[0]) == (401, 202)


async def test_a_connector_that_is_added_gets_what_comes_from_then_on(folder, make):
    async with hub_of(make()) as hub:
        await post(hub, 1)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 1)
        await hub.reload(make(connectors=make.all + make.later))
        _, said = await post(hub, 2)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 2)
        await come_true(lambda: written(folder / "later.ndjson") == Counter(said["ids"]))

        assert (await books(hub))["later"].recorded == 1


async def test_a_connector_from_the_beginning_gets_what_was_archived_too(folder, make):
    async with hub_of(make()) as hub:
        for n in range(5):
            await post(hub, n)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 5)
        beginning = f'  later: {{kind: file, path: "{folder}/later.ndjson", from: beginning}}'
        await hub.reload(make(connectors=make.all + beginning))
        await post(hub, 9)

        await come_true(lambda: len(written(folder / "later.ndjson")) == 6, 20)


async def test_a_connector_that_is_removed_keeps_its_queue_until_it_comes_back(folder, make):
    nowhere = f'  later: {{kind: file, path: "{folder}/missing/later.ndjson", probe_most_s: 0.2}}'
    async with hub_of(make(connectors=make.all + nowhere)) as hub:
        _, said = await post(hub, 1)
        await come_true(lambda: _blocked(hub, "later"))
        await hub.reload(make(connectors=make.all))
        await asyncio.sleep(0.1)
        orphaned = (await books(hub))["later"]
        (folder / "missing").mkdir()
        await hub.reload(make(connectors=make.all + nowhere))
        await come_true(lambda: written(folder / "missing" / "later.ndjson") == Counter(said["ids"]))

        assert orphaned.pending >= 1  # the hub's own event about the block may be the second
        assert (orphaned.parked, orphaned.dropped) == (0, 0)


async def _blocked(hub, name):
    return (await books(hub))[name].blocked is not None


async def test_a_connector_whose_options_change_sends_to_the_new_place(folder, make):
    async with hub_of(make()) as hub:
        await post(hub, 1)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 1)
        await hub.reload(make(connectors=f'  all: {{kind: file, path: "{folder}/new.ndjson"}}'))
        _, said = await post(hub, 2)

        await come_true(lambda: written(folder / "new.ndjson") == Counter(said["ids"]))


async def test_what_a_reload_cannot_change_is_said(make):
    async with hub_of(make()) as hub:
        with structlog.testing.capture_logs() as lines:
            await hub.reload(make(more="log: {max_entries: 2000}"))

    assert {"log"} == {
        key for line in lines if line["event"] == "hub.reload.needs_restart" for key in line["keys"]
    }


async def test_reloads_while_events_come_lose_nothing(folder, make):
    acked = []

    async def sending(hub):
        for n in range(150):
            status, said = await post(hub, n)
            assert status == 202
            acked.extend(said["ids"])

    async with hub_of(make()) as hub:
        task = asyncio.create_task(sending(hub))
        while not task.done():
            await hub.reload(make(connectors=make.all + make.later))
            await hub.reload(make())
        await task
        await come_true(lambda: set(written(folder / "all.ndjson")) == set(acked))

        assert all(book.balanced for book in (await books(hub)).values())


async def test_a_restart_carries_on_with_what_was_pending(folder, make):
    nowhere = f'  all: {{kind: file, path: "{folder}/missing/all.ndjson", probe_most_s: 0.2}}'
    async with hub_of(make(connectors=nowhere)) as hub:
        ids = [(await post(hub, n))[1]["ids"][0] for n in range(10)]
    (folder / "missing").mkdir()
    async with hub_of(make(connectors=nowhere)) as hub:
        repeated = (await post(hub, 3))[1]
        await come_true(lambda: written(folder / "missing" / "all.ndjson") == Counter(ids))

        assert (repeated["accepted"], repeated["duplicate"]) == (0, 1)


async def test_everything_answered_before_a_stop_is_there_after_it(folder, make):
    acked = []
    stopping = asyncio.Event()

    async def sending(hub, first):
        for n in range(first, first + 1000):
            with suppress(aiohttp.ClientError, OSError):
                status, said = await post(hub, n)
                acked.extend(said["ids"] if status == 202 else ())
            if stopping.is_set():
                return

    async with hub_of(make()) as hub:
        tasks = [asyncio.create_task(sending(hub, 1000 * at)) for at in range(4)]
        await come_true(lambda: len(acked) > 30)
        asyncio.get_running_loop().call_later(0.02, stopping.set)
    await asyncio.gather(*tasks)
    async with hub_of(make()):
        await come_true(lambda: set(written(folder / "all.ndjson")) >= set(acked))


async def test_an_archive_that_is_ahead_of_the_log_is_refused(folder, make, redis):
    async with hub_of(make()) as hub:
        await post(hub, 1)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 1)

        async def archived():
            return (await hub.store.log.head()).trim == 1

        await come_true(archived)
    await redis.flushall()

    with pytest.raises(ArchiveError, match="back-up"):
        async with hub_of(make()):
            pass


async def test_a_start_that_fails_leaves_nothing_behind(make):
    async with hub_of(make()) as first:
        taken = first.url.removeprefix("http://")
        elsewhere = make().model_copy(update={"listen": taken, "data": first.settings.data.parent / "other"})
        before = set(asyncio.all_tasks())

        with pytest.raises(OSError):
            await hub_of(elsewhere).__aenter__()
        await asyncio.sleep(0.05)

        assert {task.get_name() for task in set(asyncio.all_tasks()) - before} == set()
        assert (await post(first, 1))[0] == 202
