"""A destination's rate: waiting for it counts against no event, and a 429 slows all down that share it."""

import asyncio
from dataclasses import replace

import pytest

from hub.model.outcome import Blocked, Delivered, Retry
from hub.pipeline.lane import Lane
from hub.pipeline.standing import Standing
from tests.factories.digests import LIMITS, PROBES, World, alerts, book

SLOW = Lane(name="chat", kind="test", limits=LIMITS, probes=PROBES, rate_per_s=0.01, bucket="room")


@pytest.fixture
async def world(log):
    world = World(log, SLOW)
    await alerts(world, 3)
    return world


async def cancelled_while_it_waits(world):
    """A process that is restarted before its turn to send has come."""
    asked = asyncio.Event()

    async def wait(*_):
        asked.set()
        return 100.0

    free, world.take = world.take, wait
    world.sender = None
    turn = asyncio.create_task(world.turn())
    await asyncio.wait_for(asked.wait(), 30)
    turn.cancel()
    await asyncio.wait([turn])
    world.take, world.sender = free, None


async def test_restarts_while_an_event_waits_for_its_rate_park_nothing(world):
    for _ in range(10):
        await cancelled_while_it_waits(world)
    await world.until_done()

    assert sorted(world.mailbox.alerts) == [1, 2, 3]
    assert (await book(world)).parked == 0


async def test_restarts_while_a_retry_waits_for_its_rate_park_nothing(world):
    world.mailbox.answer = lambda entry: Retry("500", 1.0)
    await world.turn()
    world.up()
    world.now += 10_000
    for _ in range(10):
        await cancelled_while_it_waits(world)
    await world.until_done()

    assert sorted(world.mailbox.alerts) == [1, 2, 3]
    assert (await book(world)).parked == 0


async def test_an_event_that_kills_its_worker_is_parked_on_a_lane_with_a_rate_too(world):
    class Dead(BaseException):
        pass

    def kill(entry):
        if entry.seq == 1:
            raise Dead
        return Delivered()

    world.mailbox.answer = kill
    for _ in range(10):
        world.sender = None
        try:
            await world.turn()
        except Dead:
            continue
    await world.until_done()

    assert sorted(world.mailbox.alerts) == [2, 3]
    assert (await book(world)).parked == 1


async def test_what_was_taken_away_while_it_waited_is_not_sent(world):
    async def paused_meanwhile(*_):
        await world.log.pause("chat", now_ms=world.now)
        return 0.0

    world.take = paused_meanwhile
    await world.turn()

    assert not world.mailbox.alerts
    assert (await book(world)).queued == 3


async def test_a_destination_that_wants_fewer_holds_the_bucket_that_all_share(world):
    world.mailbox.answer = lambda entry: Blocked("429", 7.0, limited=True)
    await world.turn()

    assert world.held == [("out:room", 7.0)]


async def test_no_more_than_a_minute_is_held_for_the_others(world):
    world.mailbox.answer = lambda entry: Blocked("429", 3600.0, limited=True)
    await world.turn()

    assert world.held == [("out:room", 60.0)]


# -- when it is news ---------------------------------------------------------------------------------------
async def told(world, blocked, every_ms, times):
    """What is said while the destination answers so each time."""
    world.lane = replace(SLOW, tell_after_ms=30_000)
    world.mailbox.answer = lambda entry: blocked
    for _ in range(times):
        await world.turn()
        world.now += every_ms
    world.up()
    await world.until_done(600_000)
    return world.witness.said


@pytest.mark.parametrize(
    ("blocked", "every_ms", "times"),
    [
        (Blocked("503"), 1_000, 1),
        (Blocked("429", 1.0, limited=True), 1_500, 20),
        (Blocked("429", 45.0, limited=True), 46_000, 2),
    ],
)
async def test_a_short_wait_is_no_news(world, blocked, every_ms, times):
    assert await told(world, blocked, every_ms, times) == []


@pytest.mark.parametrize(
    ("blocked", "every_ms", "times"),
    [
        (Blocked("410", 86_400.0), 1_000, 1),
        (Blocked("401"), 5_000, 10),
        (Blocked("429", 3600.0, limited=True), 1_000, 1),
        (Blocked("429", 45.0, limited=True), 46_000, 5),
    ],
)
async def test_one_that_lasts_is_told_once_and_so_is_its_end(world, blocked, every_ms, times):
    assert await told(world, blocked, every_ms, times) == [f"blocked: {blocked.reason}", "recovered"]


async def test_where_it_says_how_long_a_limit_lasts_nobody_backs_off_further(world, log):
    standing = Standing(world.lane, log, world.witness, now_ms=lambda: world.now)
    for _ in range(20):
        await standing.block(Blocked("429", 1.0, limited=True))

    (row,) = await log.rows(now_ms=world.now)
    assert row.probe_at_ms - world.now == 1_000
