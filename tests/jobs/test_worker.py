"""Scheduled work over a real server: handed out once, repeated after a kill, alive after an outage."""

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest
from arq.connections import ArqRedis

from hub.jobs import worker
from hub.jobs.worker import Jobs, redis_settings
from tests.factories.stages import come_true
from tests.factories.valkey import start_valkey


class Desk:
    """Gives out what a test says is due, and says what was asked of it."""

    def __init__(self):
        self.walks, self.replays = [], []
        self.asked = Counter()
        self.now = Counter()
        self.overlaps = 0
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.error = None

    async def due_walks(self):
        due, self.walks = self.walks, []
        return due

    async def due_replays(self):
        return list(self.replays)

    async def walk(self, key):
        await self._work(f"walk {key}")

    async def replay(self, job_id):
        await self._work(f"replay {job_id}")
        self.replays = [one for one in self.replays if one != job_id]

    async def watch(self):
        self.asked["watch"] += 1

    async def maintain(self):
        self.asked["maintain"] += 1

    async def _work(self, name):
        self.asked[name] += 1
        self.now[name] += 1
        self.overlaps += self.now[name] > 1
        try:
            await self.going_on.wait()
            if self.error:
                raise self.error
        finally:
            self.now[name] -= 1


@pytest.fixture
def desk():
    return Desk()


@asynccontextmanager
async def running(desk, url):
    jobs = Jobs(desk, redis_settings(url))
    await jobs.start()
    try:
        yield jobs
    finally:
        await jobs.stop()


@pytest.fixture
def url(log_server, redis):
    return log_server.url


def happened(desk, name, n=1):
    async def enough():
        return desk.asked[name] >= n

    return come_true(enough)


async def test_a_due_stream_is_walked_once(desk, url):
    desk.walks = ["mg/audit"]
    async with running(desk, url):
        await happened(desk, "walk mg/audit")
        await asyncio.sleep(1.2)

    assert desk.asked["walk mg/audit"] == 1


@pytest.mark.slow
async def test_two_workers_walk_a_stream_once_and_never_at_the_same_time(desk, url):
    async with running(desk, url), running(desk, url):
        desk.going_on.clear()
        desk.walks = ["mg/audit"]
        await happened(desk, "walk mg/audit")
        desk.walks = ["mg/audit"]
        await asyncio.sleep(1.2)
        desk.going_on.set()

    assert desk.overlaps == 0


@pytest.mark.slow
async def test_a_long_walk_holds_up_no_other_work(desk, url):
    async with running(desk, url):
        desk.going_on.clear()
        desk.walks = ["mg/audit"]
        await happened(desk, "walk mg/audit")
        desk.walks = ["mg/quarantine"]
        await happened(desk, "walk mg/quarantine")
        desk.going_on.set()


async def test_a_replay_is_advanced_until_it_is_over(desk, url):
    desk.replays = ["ab12"]
    async with running(desk, url):
        await happened(desk, "replay ab12")

        async def over():
            return desk.replays == []

        await come_true(over)
    assert desk.overlaps == 0


async def test_work_that_was_cut_off_by_a_stop_runs_again_after_the_next_start(desk, url):
    async with running(desk, url):
        desk.going_on.clear()
        desk.walks = ["mg/audit"]
        await happened(desk, "walk mg/audit")
    desk.going_on.set()
    async with running(desk, url):
        desk.walks = ["mg/audit"]  # the claim ran out meanwhile
        await happened(desk, "walk mg/audit", 2)


@pytest.mark.slow
async def test_a_job_that_fails_does_not_end_the_others(desk, url):
    desk.error = KeyError("a defect")
    desk.walks = ["mg/audit"]
    async with running(desk, url):
        await happened(desk, "walk mg/audit")
        desk.error = None
        desk.walks = ["mg/quarantine"]

        await happened(desk, "walk mg/quarantine")


async def test_alarms_are_watched_from_the_start(desk, url):
    async with running(desk, url):
        await happened(desk, "watch")


@pytest.mark.slow
async def test_nothing_of_it_is_left_on_the_server(desk, url, redis):
    desk.walks, desk.replays = ["mg/audit"], ["ab12"]
    async with running(desk, url):
        await happened(desk, "walk mg/audit")
        await happened(desk, "replay ab12")
        await asyncio.sleep(0.3)
    left = {key.decode() for key in await redis.keys("*")}

    assert {key for key in left if "walk" in key or "replay" in key or "result" in key} == set()


async def test_jobs_travel_as_json(desk, url, redis):
    assert worker._QUEUE.startswith("mxhub:")
    async with running(desk, url) as jobs:
        pool = jobs._worker.pool
        assert isinstance(pool, ArqRedis)
        assert pool.job_serializer({"a": [1]}) == b'{"a":[1]}'


@pytest.mark.timeout(60)
@pytest.mark.slow
async def test_work_goes_on_when_the_server_was_away(desk, monkeypatch):
    monkeypatch.setattr(worker, "_PAUSE_S", 0.2, raising=False)
    server = start_valkey()
    try:
        async with running(desk, server.url):
            await happened(desk, "watch")
            server.kill()
            await asyncio.sleep(1.5)
            server.start()
            desk.walks = ["mg/audit"]

            async def walked():
                return desk.asked["walk mg/audit"] >= 1

            await come_true(walked, 20)
    finally:
        server.stop()
