"""Alerts that are told of by number: what a person gets, and that the counts hold whatever is killed."""

import random

import orjson
import pytest

from hub.model.event import Event, Header
from hub.model.outcome import Delivered, Rejected, Retry
from hub.pipeline.backoff import Backoff
from hub.pipeline.fate import Limits
from hub.pipeline.send import Lane
from hub.pipeline.storm import StormRule
from hub.store.log import RedisLog
from tests.factories.digests import Killed, Knife, World
from tests.factories.ocsf_schema import schema_problems

HOUR = 3_600_000
LIMITS = Limits(attempts=3, backoff=Backoff(first_s=1.0, most_s=2.0))
PROBES = Backoff(first_s=1.0, most_s=4.0)
STORMS = Lane(name="chat", kind="test", storm=StormRule(2, 60_000), limits=LIMITS, probes=PROBES)
OLD = Lane(name="chat", kind="test", max_age_ms=HOUR, limits=LIMITS, probes=PROBES)
BOTH = Lane(
    name="chat", kind="test", max_age_ms=HOUR, storm=StormRule(2, 60_000), limits=LIMITS, probes=PROBES
)


async def alerts(
    world, n, *, sender="spam@evil.example", code="quarantine.added", domain="acme.example", age_ms=0
):
    """`n` more of them, recorded and routed."""
    head = await world.log.head()
    if not head.gen:
        await world.log.publish(orjson.dumps({"chat": [{}]}).decode(), ["chat"], now_ms=world.now)
    made = []
    for at in range(head.seq + 1, head.seq + n + 1):
        header = Header("acme", "mg", 4009, code, 3, domain, world.now, world.now - age_ms)
        body = orjson.dumps({"from": sender, "metadata": {"uid": f"{at:032x}"}, "message": f"number {at}"})
        made.append(Event(at.to_bytes(16, "big"), header, body))
    for at in range(0, n, 200):
        await world.log.record(made[at : at + 200], now_ms=world.now)
    end = head.seq + n
    for frm in range(head.routed, end, 2000):
        to = min(frm + 2000, end)
        gen = (await world.log.table())[0]
        await world.log.route(frm, to, gen, {"chat": list(range(frm + 1, to + 1))})


async def book(world):
    (found,) = await world.log.books()
    assert found.balanced
    return found


def digests(world, code):
    bodies = [orjson.loads(bodies[0]) for bodies in world.mailbox.digests.values()]
    return [body for body in bodies if body["metadata"]["event_code"] == code]


# -- storms --------------------------------------------------------------------------------------------------
async def test_a_storm_of_one_sender_is_a_few_alerts_and_one_message_that_counts(log):
    world = World(log, STORMS)
    await alerts(world, 300)
    await world.until_done()

    assert dict(world.mailbox.alerts) == {1: 1, 2: 1}
    (storm,) = digests(world, "hub.storm")
    assert (storm["count"], storm["unmapped"]["sender"]) == (298, "spam@evil.example")
    assert storm["message"] == "298 more alerts of sender spam@evil.example: 298 quarantine.added"
    assert (storm["metadata"]["tenant_uid"], schema_problems(storm)) == ("acme", [])
    assert (await book(world)).delivered == 300


async def test_a_storm_of_one_domain_is_told_as_the_domain_s(log):
    world = World(log, STORMS)
    for n in range(20):
        await alerts(world, 1, sender=f"bot{n}@evil.example")
    await world.until_done()

    (storm,) = digests(world, "hub.storm")
    assert (storm["count"], storm["unmapped"]["domain"]) == (18, "acme.example")


async def test_a_storm_that_goes_on_is_one_message_a_window(log):
    world = World(log, STORMS)
    for _ in range(60):
        await alerts(world, 10)
        await world.turn()
        world.now += 10_000
    await world.until_done()

    assert sum(world.mailbox.alerts.values()) == 2
    assert world.mailbox.counted("hub.storm") == 598
    assert 9 <= len(world.mailbox.digests) <= 12, "ten minutes, a window of one"


async def test_other_kinds_and_other_tenants_senders_are_no_storm(log):
    world = World(log, STORMS)
    for n in range(10):
        await alerts(world, 1, sender=f"s{n}@x.example", domain=f"d{n}.example")
    await world.until_done()

    assert len(world.mailbox.alerts) == 10
    assert not world.mailbox.digests


async def test_a_blocked_destination_is_probed_with_an_alert_not_counted_away(log):
    world = World(log, STORMS)
    world.down()
    await alerts(world, 50)
    for _ in range(10):
        await world.turn()
        world.now += 5_000
    assert (await book(world)).pending == 50
    world.up()
    await world.until_done()

    assert sum(world.mailbox.alerts.values()) == 2
    assert world.mailbox.counted() == 48


async def test_many_storms_at_once_become_one_message(log):
    world = World(log, STORMS)
    for n in range(30):
        await alerts(world, 5, sender=f"s{n}@x.example", domain=f"d{n}.example")
    await world.until_done()

    (storm,) = digests(world, "hub.storm")
    assert storm["count"] == 90
    assert "and 25 more" in storm["message"]


# -- too old -------------------------------------------------------------------------------------------------
async def test_after_an_outage_one_digest_counts_the_old_and_the_fresh_ones_come(log):
    world = World(log, OLD)
    world.down()
    await alerts(world, 700)
    await alerts(world, 300, code="quarantine.released")
    await world.turn()
    world.now += HOUR + 1
    await alerts(world, 3)
    for _ in range(5):
        await world.turn()
        world.now += 5_000
    world.up()
    await world.until_done()

    (digest,) = digests(world, "hub.digest")
    assert digest["message"] == (
        "1,000 alerts older than 1 h were not sent while connector chat could not deliver: "
        "700 quarantine.added, 300 quarantine.released"
    )
    assert world.mailbox.order == ["alert", "hub.digest", "alert", "alert"], "the probe, then the digest"
    assert world.witness.said == ["blocked: 503", "recovered", "stale 1000 delivered"]
    assert (await book(world)).dropped_by == {"stale": 1000}


async def test_without_a_fresh_alert_the_digest_is_the_probe(log):
    world = World(log, OLD)
    world.down()
    await alerts(world, 5)
    await world.turn()
    world.now += HOUR + 1
    await world.turn()
    world.up()
    await world.until_done()

    assert world.mailbox.order == ["hub.digest"]
    assert world.mailbox.counted() == 5
    assert world.witness.said == ["blocked: 503", "stale 5 delivered", "recovered"]


async def test_dropping_what_is_old_says_nothing_about_the_destination(log):
    world = World(log, OLD)
    world.down()
    await alerts(world, 5)
    await world.turn()
    world.now += HOUR + 1
    for _ in range(20):
        await world.turn()
        world.now += 5_000

    assert world.witness.said == ["blocked: 503"]
    assert (await book(world)).blocked == "503"


async def test_an_alert_in_the_retry_set_grows_too_old_as_well(log):
    world = World(log, OLD)
    world.mailbox.answer = lambda entry: Retry("429", 2 * HOUR / 1000) if entry.seq == 1 else Delivered()
    await alerts(world, 2)
    await world.turn()
    world.now += 3 * HOUR
    world.up()
    await world.until_done()

    assert dict(world.mailbox.alerts) == {2: 1}
    assert world.mailbox.counted("hub.digest") == 1
    assert (await book(world)).dropped_by == {"stale": 1}


async def test_a_queue_that_drains_slowly_gets_a_digest_now_and_then(log):
    world = World(log, OLD)
    for _ in range(40):
        await alerts(world, 1, age_ms=HOUR + 1)
        await world.turn()
        world.now += 30_000
    await world.until_done()

    assert world.mailbox.counted() == 40
    assert 2 <= len(world.mailbox.digests) <= 4, "twenty minutes, one in ten"


async def test_a_paused_row_keeps_its_digest_until_it_is_resumed(log):
    world = World(log, OLD)
    await alerts(world, 4)
    world.now += HOUR + 1
    await log.pause("chat", now_ms=world.now)
    await world.turn()
    assert world.mailbox.messages == 0
    await log.resume("chat", now_ms=world.now)
    await world.until_done()

    assert world.mailbox.order == ["hub.digest"]


async def test_a_lane_that_counts_no_more_still_tells_what_was_counted(log):
    world = World(log, STORMS)
    await alerts(world, 10)
    await world.turn()
    world.lane, world.sender = Lane(name="chat", kind="test"), None
    await world.until_done()

    assert world.mailbox.counted() == 8


# -- what a destination may say to a digest --------------------------------------------------------------
async def test_a_digest_that_is_refused_is_said_and_counted_as_untold(log):
    world = World(log, OLD)
    world.mailbox.answer = lambda entry: Delivered() if entry.seq else Rejected("400 invalid_blocks")
    await alerts(world, 4)
    world.now += HOUR + 1
    await world.until_done()

    (row,) = await log.rows(now_ms=world.now)
    assert (row.untold, row.told) == (4, 0)
    assert world.witness.said == ["stale 4 dropped"]


async def test_a_digest_is_tried_again_later_but_not_for_ever(log):
    world = World(log, OLD)
    world.mailbox.answer = lambda entry: Delivered() if entry.seq else Retry("429")
    await alerts(world, 4)
    world.now += HOUR + 1
    await world.until_done()

    assert world.witness.said == ["stale 4 retry", "stale 4 retry", "stale 4 dropped"]


# -- killed at each step ---------------------------------------------------------------------------------
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


async def proof(world):
    """All are accounted for, exactly."""
    found = await book(world)
    (row,) = await world.log.rows(now_ms=world.now)
    box = world.mailbox
    assert (found.pending, row.tallied, row.untold) == (0, 0, 0)
    assert found.delivered + found.dropped + found.parked == found.matched == 15
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
    assert len(world.mailbox.alerts) + world.mailbox.counted() == 15
    assert world.mailbox.counted("hub.storm") > 0
    assert world.mailbox.counted("hub.digest") > 0


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
