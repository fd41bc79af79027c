"""Killed at any step, no count is lost and none is told twice."""

import random

import pytest

from hub.model.outcome import Delivered, Retry
from hub.store.log import RedisLog
from tests.factories.digests import BOTH, HOUR, Killed, Knife, World, alerts, book


async def story(world):
    """A storm, an alert of it tried again, an outage in the middle of the digest, old alerts, fresh ones."""
    world.mailbox.answer = lambda entry: Retry("429", 1.0) if entry.seq == 2 else Delivered()
    await alerts(world, 8)
    await world.turn()
    world.now += 61_000
    world.down()
    await world.turn()
    await alerts(world, 4, sender="late@evil.example")
    world.now += HOUR + 1
    await alerts(world, 3, sender="new@x.example", domain="x.example")
    await world.turn()
    world.now += 5_000
    await world.turn()
    world.now += 5_000
    world.up()
    await world.until_done(20_000)
    await retries_that_are_a_storm(world)


async def retries_that_are_a_storm(world):
    """Probe after probe sets one alert aside; later they are due together."""
    world.down()
    await alerts(world, 6, sender="again@y.example", domain="y.example")
    await world.turn()
    world.mailbox.answer = lambda entry: Retry("500", 60.0)
    for _ in range(6):
        world.now += 5_000
        await world.turn()
    world.up()
    await world.until_done(20_000)


async def proof(world):
    """All are accounted for, exactly."""
    found = await book(world)
    (row,) = await world.log.rows(now_ms=world.now)
    box = world.mailbox
    assert (found.pending, row.tallied, row.untold) == (0, 0, 0)
    assert found.delivered + found.dropped + found.parked == found.matched == 21
    assert all(len(set(bodies)) == 1 for bodies in box.digests.values()), "one id, two bodies"
    assert box.counted() == row.told, "a count lost or told twice under two ids"
    assert box.counted("hub.digest") == found.dropped
    alone = found.delivered - box.counted("hub.storm")
    if world.knife.where in AFTER_A_SEND:
        assert alone <= len(box.alerts), "sent, and with the next process perhaps counted as well"
    else:
        assert len(box.alerts) == alone, "sent or counted, not both and not neither"


AFTER_A_SEND = {
    "after send", "before clock_ms", "after clock_ms", "before settle", "before retried", "before digested",
}  # fmt: skip
"""Where a kill makes an alert come again: nobody wrote down that it had arrived."""


async def test_the_story_without_a_kill(log):
    world = World(log, BOTH)
    await story(world)

    await proof(world)
    assert len(world.mailbox.alerts) + world.mailbox.counted() == 21
    assert world.mailbox.counted("hub.storm") > 0
    assert world.mailbox.counted("hub.digest") > 0
    assert sum(world.mailbox.alerts[seq] for seq in range(16, 22)) <= 3, "of the retries too"


async def killed_often(redis, seed):
    await redis.flushall()
    world = World(RedisLog(redis), BOTH, Often(seed))
    await story(world)
    return world


class Often(Knife):
    """Kills again and again, where the seed says."""

    def __init__(self, seed):
        super().__init__()
        self._random = random.Random(seed)

    def step(self, what):
        self.steps += 1
        if self._random.random() < 0.05:
            self.where = what
            raise Killed(what)


@pytest.mark.parametrize("seed", range(25))
async def test_killed_again_and_again_no_count_is_lost_and_none_is_told_twice(redis, seed):
    world = await killed_often(redis, seed)

    world.knife.where = "after send"  # it may have been, in one of them
    await proof(world)


@pytest.mark.slow
async def test_killed_at_every_step_no_count_is_lost_and_none_is_told_twice(log, redis):
    whole = World(log, BOTH)
    await story(whole)
    assert whole.knife.steps > 60

    where = set()
    for at in range(1, whole.knife.steps + 1):
        await redis.flushall()
        world = World(RedisLog(redis), BOTH, Knife(at))
        await story(world)
        await proof(world)
        where.add(world.knife.where)

    verbs = {"settle", "retried", "seal", "digested", "send"}
    assert where >= {f"{when} {verb}" for verb in verbs for when in ("before", "after")}
