"""Taking a back-up: one at a time, above the disk's reserve, and nothing left behind."""

import asyncio
import os
from contextlib import aclosing

import pytest

from hub.app.backup.manifest import Extras
from hub.app.backup.restore import restore
from hub.app.backup.take import Backups
from hub.archive.query import Query
from hub.config.load import load_text
from hub.pipeline.keep import Keeper
from hub.pipeline.payloads import Payloads
from hub.web.errors import Conflict, ServiceUnavailable
from tests.factories.backups import contents, manifest_of
from tests.factories.worlds import NOW, fill, make_event, open_world, summary

pytestmark = pytest.mark.server("valkey")


@pytest.fixture
async def world(tmp_path):
    async with open_world(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def keeper(world):
    async def writer():
        return world.archive

    return Keeper(world.log, Payloads(world.log, None), writer, stalled=lambda why: None)


@pytest.fixture
def make(world, keeper):
    def made(config="log: {disk_reserve_mb: 1}", extras=None):
        settings = load_text(f'data: "{world.data}"\n{config}\n')
        return Backups(lambda: settings, world.log, world.url, keeper, lambda: extras or Extras())

    return made


async def file_of(backups):
    return b"".join([chunk async for chunk in backups.stream()])


def leftovers(world):
    rdb = [name for name in os.listdir(world.data / "valkey") if name.endswith(".rdb")]
    return rdb + [name for name in os.listdir(world.data) if name.startswith("backup")]


async def test_a_restored_copy_says_what_the_original_said(world, make, tmp_path):
    await fill(world)
    before = await summary(world)
    (tmp_path / "a.tar").write_bytes(await file_of(make()))
    await world.log.record([make_event(500)], now_ms=NOW)
    restore(tmp_path / "a.tar", tmp_path / "copy")
    async with open_world(tmp_path / "copy") as copy:
        after = await summary(copy)

    assert after == before
    assert leftovers(world) == []


async def test_what_comes_while_it_is_written_is_not_inside(world, make, keeper, tmp_path):
    await fill(world)
    seq = (await world.log.head()).seq
    pieces = []
    async for chunk in make().stream():
        pieces.append(chunk)
        await world.log.record([make_event(1000 + len(pieces))], now_ms=NOW)
        await keeper.turn()
    file = b"".join(pieces)
    (tmp_path / "a.tar").write_bytes(file)
    restore(tmp_path / "a.tar", tmp_path / "copy")
    async with open_world(tmp_path / "copy") as copy:
        head = await copy.log.head()

        assert (head.seq, manifest_of(file).seq) == (seq, seq)
        assert head.trim <= copy.archive.offset(0) <= seq
        assert copy.archive.count(Query()) == manifest_of(file).events
    assert world.archive.offset(0) == seq + len(pieces)


async def test_one_at_a_time(make):
    backups = make()
    async with aclosing(backups.stream()) as first:
        await anext(first)

        with pytest.raises(Conflict, match="wait for its end"):
            await file_of(backups)
    assert manifest_of(await file_of(backups)).members


async def test_one_that_is_given_up_leaves_nothing_and_holds_up_nobody(world, make, keeper):
    await fill(world)
    await world.redis.config_set("rdb-key-save-delay", 100_000_000)
    async with aclosing(make().stream()) as stream:
        await anext(stream)
    await world.redis.config_set("rdb-key-save-delay", 0)

    assert leftovers(world) == []
    assert await keeper.turn() > 0
    assert manifest_of(await file_of(make())).events == 60 - 1


async def test_one_that_fails_half_way_leaves_nothing(world, make):
    await fill(world)
    (world.data / "valkey" / "server.log").unlink()
    (world.data / "archive" / "events-0-000000000001.db").unlink()

    with pytest.raises(Exception, match="events-0-000000000001"):
        await file_of(make())
    assert leftovers(world) == []


async def test_what_a_killed_one_left_is_cleared_at_the_next_start(world, make):
    (world.data / "backup").mkdir()
    (world.data / "backup" / "events-0-000000000001.db").write_bytes(b"half")
    (world.data / "valkey" / "temp-4711.rdb").write_bytes(b"half")
    (world.data / "valkey" / "dump.rdb").write_bytes(b"whole")
    make()

    assert leftovers(world) == []


async def test_the_disks_reserve_is_not_touched(world, make):
    with pytest.raises(ServiceUnavailable, match=r"log\.disk_reserve_mb: make room"):
        await file_of(make("log: {disk_reserve_mb: 1000000000}"))
    assert leftovers(world) == []


async def test_retention_stands_still_meanwhile(world, make, keeper):
    await fill(world)
    await keeper.turn()
    ask = {"now_ms": NOW * 2, "keep_ms": 1, "max_bytes": None, "owed_from": 10**6}
    async with aclosing(make().stream()) as stream:
        await anext(stream)
        during = await keeper.retain(**ask)

    assert (during, await keeper.retain(**ask) > 0) == (0, True)


async def test_configuration_is_inside_unless_it_holds_a_secret(make, tmp_path):
    config = "log: {disk_reserve_mb: 1}\nadmin_token: a-literal-secret"
    plain, literal = tmp_path / "mxhub.yaml", tmp_path / "with secret.yaml"
    plain.write_text("admin_token: ${ADMIN_TOKEN}\n")
    literal.write_text("admin_token: a-literal-secret\n")
    file = await file_of(make(config, Extras(documents=(plain, literal, tmp_path / "gone.yaml"))))

    assert contents(file)["config/0-mxhub.yaml"] == b"admin_token: ${ADMIN_TOKEN}\n"
    assert b"a-literal-secret" not in file
    assert [name.partition(": ")[2] for name in manifest_of(file).left_out] == [
        "it holds a secret in plain text",
        "No such file or directory",
    ]


async def test_a_server_that_always_rewrites_its_log_is_said(make, monkeypatch):
    from hub.app.backup import take

    async def busy(self):
        await asyncio.sleep(0.01)
        return False

    monkeypatch.setattr(take.Saver, "begin", busy)
    monkeypatch.setattr(take, "_BUSY_S", 0.05)

    with pytest.raises(ServiceUnavailable, match="try again later"):
        await file_of(make())
