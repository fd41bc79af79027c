"""The archive's writer: follows the log with an offset of its own, stalls on trouble, never skips."""

from pathlib import Path

import pytest

from hub.archive.base import ArchiveError, ArchiveInUse
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.pipeline import keep
from hub.pipeline.keep import Keeper
from hub.pipeline.payloads import Payloads
from tests.factories.stages import NOW_MS, event, record


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def told():
    return []


@pytest.fixture
def keeper_of(log, told):
    keepers = []

    def make(archive):
        """A writer of this folder, of an open archive, or one that finds the error given."""

        async def opened():
            if isinstance(archive, Exception):
                raise archive
            return SqliteArchive(archive) if isinstance(archive, Path) else archive

        keeper = Keeper(log, Payloads(log, None), opened, stalled=told.append)
        keepers.append(keeper)
        return keeper

    yield make
    for keeper in keepers:
        keeper.close()


async def routed(log, to):
    await log.publish("{}", [], now_ms=NOW_MS)
    await log.route((await log.head()).routed, to, (await log.table())[0], {})


def stored(folder):
    archive = SqliteArchive(folder, read_only=True)
    try:
        return [hit.seq for hit in archive.iterate(Query())]
    finally:
        archive.close()


async def test_everything_is_archived_and_the_log_forgets_what_is_routed_too(log, folder, keeper_of):
    await record(log, *(event(n) for n in range(1, 301)))
    await routed(log, 200)
    keeper = keeper_of(folder)

    while await keeper.turn():
        pass

    assert stored(folder) == list(range(1, 301))
    assert ((await log.head()).trim, keeper.offset) == (200, 300)


async def test_the_log_is_trimmed_when_the_router_catches_up(log, folder, keeper_of):
    await record(log, event(1), event(2))
    keeper = keeper_of(folder)
    await keeper.turn()
    await routed(log, 2)

    assert await keeper.turn() == 0
    assert (await log.head()).trim == 2


async def test_a_new_writer_goes_on_where_the_last_one_stopped(log, folder, keeper_of):
    await record(log, event(1), event(2))
    first = keeper_of(folder)
    await first.turn()
    first.close()
    await record(log, event(3))

    assert await keeper_of(folder).turn() == 1
    assert stored(folder) == [1, 2, 3]


async def test_an_archive_that_fails_stalls_and_is_tried_again_with_the_same_events(
    log, folder, keeper_of, told, monkeypatch
):
    await record(log, event(1), event(2))
    archive = SqliteArchive(folder)
    keeper = keeper_of(archive)
    append = archive.append

    def fails(partition, entries):
        raise ArchiveError("no space left")

    monkeypatch.setattr(archive, "append", fails)
    for _ in range(2):
        with pytest.raises(ArchiveError):
            await keeper.turn()
    monkeypatch.setattr(archive, "append", append)
    await keeper.turn()

    assert told == ["no space left", "no space left", None]
    assert stored(folder) == [1, 2]


async def test_a_hole_between_log_and_archive_is_an_error_never_skipped(log, redis, folder, keeper_of, told):
    await record(log, *(event(n) for n in range(1, 4)))
    await redis.xtrim(log.keys.log, minid="3-0", approximate=False)

    with pytest.raises(ArchiveError, match="the log begins at 3, the archive ends at 0"):
        await keeper_of(folder).turn()

    assert stored(folder) == []
    assert len(told) == 1


async def test_while_another_process_writes_it_stands_by(log, folder, keeper_of, monkeypatch):
    monkeypatch.setattr(keep, "_STANDBY_S", 0.0)
    await record(log, event(1))
    keeper = keeper_of(ArchiveInUse("by process 1"))

    assert await keeper.turn() == 0
    assert await keeper.retain(now_ms=NOW_MS, keep_ms=1, max_bytes=1, owed_from=1) == 0
    assert await keeper.oldest_seq() == 0
