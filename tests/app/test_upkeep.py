"""Upkeep runs where the archive is written, whichever worker that is."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hub.app import upkeep
from hub.app.hub import Hub
from hub.archive.query import Query
from hub.pipeline import replay
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings, written
from tests.servers.place import QUICK

SHORT = "archive: {keep_days: 0.00001}"


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxu", dir=QUICK) as name:
        yield Path(name)


@pytest.fixture
def make(folder, log_server, redis, monkeypatch):
    for name, value in (("PAUSE_S", 0.05), ("FIRST_S", 0.0), ("RETENTION_S", 0.1), ("TIDY_S", 0.1)):
        monkeypatch.setattr(upkeep, name, value)
    monkeypatch.setattr(replay, "GRACE_MS", 0)
    return lambda **options: settings(folder, log_server.url, **options)


def hub_of(made, roles=BOTH):
    return Hub(made, roles, registry=REGISTRY)


async def test_retention_runs_on_the_writer_without_any_job(folder, make):
    async with hub_of(make(more=SHORT)) as hub:
        assert (await post(hub, 1))[0] == 202
        await come_true(lambda: len(written(folder / "all.ndjson")) == 1)

        async def gone():
            return bool(await hub.readers.run(hub.archive.gaps, Query()))

        await come_true(gone, 30)
        assert (await hub.readers.run(hub.archive.gaps, Query()))[0]["reason"] == "retention: age"


async def test_the_worker_that_takes_the_archive_over_goes_on_with_it(folder, make):
    async with hub_of(make()) as first:
        second = hub_of(make(more=SHORT), frozenset({"work"}))
        await second.__aenter__()
        await post(first, 1)
        standing_by = second.keeper.archive is None
    try:

        async def gone():
            return bool(await second.readers.run(second.archive.gaps, Query()))

        await come_true(gone, 40)
        assert standing_by
    finally:
        await second.__aexit__(None, None, None)


async def test_a_finished_replays_row_and_lane_go(folder, make):
    async with hub_of(make()) as hub:
        await post(hub, 1)
        await come_true(lambda: len(written(folder / "all.ndjson")) == 1)

        async def archived():
            return await hub.readers.run(hub.archive.count, Query(source=("hook",))) == 1

        await come_true(archived)
        job = await hub.replays.start("all", Query(source=("hook",)))

        async def over():
            rows = {row.name for row in await hub.store.log.rows(now_ms=hub.now_ms())}
            return job.row not in rows and job.row not in hub.work.lanes.names()

        await come_true(over, 40)
        kept = await hub.replays.get(job.id)
        assert (kept.state, kept.delivered, kept.finished_ms > 0) == ("done", 1, True)
