"""When a block ends: with an answer about content, never with a mere `Retry`."""

import pytest

from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.pipeline.lane import Lane
from tests.factories.digests import LIMITS, OLD, PROBES, World, alerts, book

LANE = Lane(name="chat", kind="test", limits=LIMITS, probes=PROBES)


@pytest.fixture
async def world(log):
    """Five alerts wait for a destination that was just found to be down."""
    world = World(log, LANE)
    world.down()
    await alerts(world, 5)
    await world.turn()
    return world


async def rounds(world, n):
    """Serve the row whenever it is ready, each time long after its probe is due."""
    for _ in range(n):
        if await world.log.ready(world.now):
            await world.turn()
        world.now += 5_000


async def state(world):
    (row,) = await world.log.rows(now_ms=world.now)
    return row.state


async def test_an_event_that_is_set_aside_ends_no_block(world):
    world.mailbox.answer = lambda entry: Retry("400") if entry.seq == 1 else Blocked("400")

    await rounds(world, 4)

    assert await state(world) == "blocked"
    assert world.witness.said == ["blocked: 503"]


async def test_after_one_that_was_set_aside_the_next_one_is_the_probe(world):
    world.mailbox.answer = lambda entry: Retry("500") if entry.seq == 1 else Delivered()

    await rounds(world, 3)

    assert await state(world) == "ok"
    assert world.witness.said == ["blocked: 503", "recovered"]
    assert sorted(world.mailbox.alerts) == [2, 3, 4, 5]


async def test_refusals_alone_are_answers_and_end_the_block(world):
    world.mailbox.answer = lambda entry: Rejected("400")

    await rounds(world, 3)

    assert (await book(world)).parked == 5
    assert await state(world) == "ok"
    assert world.witness.said == ["blocked: 503", "recovered"]


async def test_an_event_that_is_always_to_be_tried_later_is_given_up_in_the_end(world):
    """Nothing else waits, so it is the probe each time, at its own pace, as often as any event is tried."""
    world.mailbox.answer = lambda entry: Retry("429")

    await rounds(world, 30)

    assert (await book(world)).parked == 5
    assert "recovered" not in world.witness.said


async def test_a_block_with_nothing_left_ends_with_the_next_event_that_gets_through(world):
    world.mailbox.answer = lambda entry: Retry("429")
    await rounds(world, 30)
    world.up()
    await alerts(world, 1)

    await rounds(world, 2)

    assert await state(world) == "ok"
    assert world.witness.said == ["blocked: 503", "recovered"]
    assert sorted(world.mailbox.alerts) == [6]


async def test_the_only_event_left_is_tried_again_when_its_destination_asked_for_it(log):
    world = World(log, LANE)
    world.down()
    await alerts(world, 1)
    await world.turn()
    asked = []
    world.mailbox.answer = lambda entry: asked.append(entry.seq) or Retry("429", 3600)

    await rounds(world, 100)

    (row,) = await world.log.rows(now_ms=world.now)
    assert asked == [1, 1], "the queue's probe, and soon after it the retry's"
    assert (row.state, row.retrying) == ("blocked", 1)
    assert row.probe_at_ms - world.now > 3_000_000


async def test_a_digest_to_be_tried_later_ends_no_block_and_one_that_came_does(log):
    world = World(log, OLD)
    world.down()
    await alerts(world, 3)
    await world.turn()
    world.now += 3_600_001
    world.mailbox.answer = lambda entry: Retry("429")
    await rounds(world, 1)
    said, blocked = list(world.witness.said), await state(world)
    world.up()
    await world.until_done()

    assert (said, blocked) == (["blocked: 503", "stale 3 retry"], "blocked")
    assert world.witness.said[-2:] == ["stale 3 delivered", "recovered"]
    assert await state(world) == "ok"
