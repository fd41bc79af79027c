import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select, update

from core.detectors.event import Event, tell
from core.detectors.heart import Heart
from core.detectors.scheduler import Job, LeaseLost, Scheduler
from core.store import estate
from core.store.clock import DAY_MS
from core.store.database import Database, sqlite_url
from core.store.tables import detector_states
from tests.factories.audit import chain
from tests.factories.core import FakeClock
from tests.factories.reports import told

PERIOD_MS, LEASE_MS = 60_000, 120_000


async def shout(tx, now_ms, observed):
    event = Event(name="license.changed", resource="license", data={"seen": observed})
    return await tell(tx, chain(), now_ms, [event])


def job(detect=shout, **changes):
    return Job(**{"name": "probe", "period_ms": PERIOD_MS, "detect": detect, "lease_ms": LEASE_MS, **changes})


class Process:
    """One scheduler; several share a store and a clock."""

    def __init__(self, database, clock, *jobs):
        self.jobs = jobs or (job(),)
        self.scheduler = Scheduler(database, self.jobs, clock, Random(1))

    async def once(self):
        return await self.scheduler.once(self.jobs[0])


@pytest.fixture
def clock():
    return FakeClock()


async def events(database):
    async with database.read() as tx:
        return [data["seen"] for _, data in await told(tx)]


async def first_run(process, clock):
    """The first one comes after a part of the period, at random."""
    assert await process.once() is None
    clock.advance(PERIOD_MS / 1000)
    return await process.once()


async def test_a_job_runs_on_its_period_and_in_one_process_at_a_time(database, clock):
    one, two = Process(database, clock), Process(database, clock)

    assert len(await first_run(one, clock)) == 1
    assert await two.once() is None
    clock.advance(0.89 * PERIOD_MS / 1000)
    assert await one.once() is None
    clock.advance(0.22 * PERIOD_MS / 1000)
    assert [await two.once() is None, await one.once() is None] == [False, True]


async def test_a_process_that_was_paused_in_a_run_tells_nothing_twice(database, clock):
    resume = asyncio.Event()

    async def slow():
        await resume.wait()
        return "late"

    paused, other = Process(database, clock, job(observe=slow)), Process(database, clock)
    await paused.once()
    clock.advance(PERIOD_MS / 1000)
    run = asyncio.create_task(paused.once())
    while await held_by(database) == "":
        await asyncio.sleep(0.01)
    clock.advance(LEASE_MS / 1000)
    assert len(await other.once()) == 1
    resume.set()

    with pytest.raises(LeaseLost):
        await run
    assert await events(database) == [None]


async def held_by(database):
    async with database.read() as tx:
        asked = select(detector_states.c.state).where(detector_states.c.detector == "job")
        return (await tx.execute(asked)).scalar_one()


async def test_a_run_that_fails_writes_nothing_and_comes_again_soon(database, clock):
    tries = []

    async def fails(tx, now_ms, observed):
        await shout(tx, now_ms, observed)
        tries.append(now_ms)
        if len(tries) == 1:
            raise RuntimeError("boom")
        return []

    process = Process(database, clock, job(fails, period_ms=DAY_MS))
    await process.once()
    clock.advance(60)
    with pytest.raises(RuntimeError, match="boom"):
        await process.once()
    assert await events(database) == []
    clock.advance(67)
    assert await process.once() == []
    assert len(tries) == 2


async def test_a_date_written_by_a_wrong_clock_stops_no_job(database, clock):
    process = Process(database, clock)
    await first_run(process, clock)
    async with database.begin() as tx:
        await tx.execute(update(detector_states).values(since_ms=clock() + 30 * DAY_MS))

    assert len(await process.once()) == 1


async def test_a_job_that_hangs_or_fails_holds_up_no_other(database):
    ran = asyncio.Event()

    async def hangs():
        await asyncio.Event().wait()

    async def fails():
        raise RuntimeError("boom")

    async def works(tx, now_ms, observed):
        ran.set()
        return await shout(tx, now_ms, observed)

    jobs = [
        job(name="hangs", observe=hangs, period_ms=40),
        job(name="fails", observe=fails, period_ms=40),
        job(works, name="works", period_ms=40),
    ]
    heard = []
    scheduler = Scheduler(database, jobs, FakeClockThatRuns(), Random(1), told=heard.extend)
    task = asyncio.create_task(scheduler.run())
    await asyncio.wait_for(ran.wait(), 60)
    while not heard:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert heard[0].name == "license.changed"


class FakeClockThatRuns:
    def __call__(self):
        return round(asyncio.get_running_loop().time() * 1000)


async def test_a_heart_beats_and_says_goodbye(database):
    heart = Heart(
        database=database,
        chain=chain(node_id="node-9"),
        address="10.0.0.9",
        clock=FakeClockThatRuns(),
        every_ms=10,
    )
    task = asyncio.create_task(heart.run())
    first = await beat_after(database, None)
    assert await beat_after(database, first) > first
    async with database.begin() as tx:
        await estate.set_present(tx, "node-9", present=True)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.read() as tx:
        assert [name for name, _ in await told(tx)] == ["cluster.node_left"]
        assert not (await estate.node(tx, "node-9")).present


async def beat_after(database, last):
    async with asyncio.timeout(60):
        while True:
            async with database.read() as tx:
                node = await estate.node(tx, "node-9")
            if node is not None and node.heartbeat_ms != last:
                return node.heartbeat_ms
            await asyncio.sleep(0.01)


_CHILD = """
import asyncio, sys
from random import Random
from core.audit.chain import Chain
from core.detectors.event import Event, tell
from core.detectors.scheduler import Job, Scheduler
from core.store.clock import wall_clock
from core.store.database import Database
from core.store import meta

CHAIN = Chain(b"a key that both processes have, for tests")

async def count(tx, now_ms, _):
    number = await meta.count_up(tx, "runs")
    event = Event(name="license.changed", resource="license", data={"seen": number})
    return await tell(tx, CHAIN, now_ms, [event])

async def main():
    job = Job(name="count", period_ms=20, detect=count, lease_ms=300)
    async with Database(sys.argv[1]) as database:
        await Scheduler(database, [job], wall_clock, Random(int(sys.argv[2]))).run()

asyncio.run(main())
"""


@pytest.mark.slow
async def test_killed_processes_lose_no_run_and_double_none(tmp_path):
    url = sqlite_url(tmp_path / "core.sqlite3")
    async with Database(url) as database:
        for seed in range(4):
            before = len(await events(database))
            children = [await start(url, seed), await start(url, seed + 10)]
            async with asyncio.timeout(60):
                while len(await events(database)) < before + 8:
                    await asyncio.sleep(0.02)
            for child in children:
                child.send_signal(signal.SIGKILL)
                await child.wait()
        found = await events(database)

    assert found == list(range(1, len(found) + 1))


async def start(url, seed):
    root = str(Path(__file__).resolve().parents[3])
    env = {**os.environ, "PYTHONPATH": root}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", _CHILD, url, str(seed), cwd=root, env=env
    )
