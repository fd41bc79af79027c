"""Alerts that are told of by number: what a person gets, and that the counts hold whatever is killed."""

from dataclasses import replace

import orjson

from hub.model.outcome import Delivered, Rejected, Retry
from hub.pipeline.payloads import MissingPayload
from hub.pipeline.send import Lane
from tests.factories.digests import BOTH, HOUR, OLD, STORMS, World, alerts, book
from tests.factories.ocsf_schema import schema_problems


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


async def test_alerts_that_are_all_set_aside_are_a_storm_as_well(log):
    world = World(log, replace(STORMS, batch_events=1))
    world.mailbox.answer = lambda entry: Retry("500")
    await alerts(world, 50)
    await world.turn()
    waiting = (await book(world)).retrying
    world.up()
    await world.until_done()

    assert waiting == 2
    assert sum(world.mailbox.alerts.values()) + world.mailbox.counted() == 50
    assert world.mailbox.messages <= 4


async def test_retries_that_are_due_together_are_no_storm_of_messages(log):
    """Set aside by process after process, none of which sees a storm."""
    world = World(log, replace(STORMS, batch_events=1))
    world.mailbox.answer = lambda entry: Retry("500", 300.0)
    for _ in range(20):
        await alerts(world, 1)
        await world.turn()
        world.sender = None
    waiting = (await book(world)).retrying
    world.up()
    world.lane = STORMS
    await world.until_done()

    assert waiting == 20
    assert sum(world.mailbox.alerts.values()) == 2
    assert world.mailbox.counted("hub.storm") == 18
    assert (await book(world)).delivered == 20


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


async def test_what_an_operator_sends_again_is_sent_however_old_and_however_many(log):
    world = World(log, BOTH)
    world.mailbox.answer = lambda entry: Rejected("400")
    for n in range(5):
        await alerts(world, 1, sender=f"s{n}@x.example", domain=f"d{n}.example")
    await world.turn()
    world.now += 2 * HOUR
    world.mailbox.answer = lambda entry: Retry("503", 3 * HOUR / 1000)
    await log.unpark("chat", [1, 2, 3, 4, 5], now_ms=world.now)
    await world.turn()
    world.up()
    await world.until_done(60_000, 500)

    assert sorted(world.mailbox.alerts) == [1, 2, 3, 4, 5]
    assert world.mailbox.counted() == 0


async def test_a_payload_that_is_nowhere_stops_the_digest_too(log, monkeypatch):
    world = World(log, OLD)
    world.mailbox.answer = lambda entry: Retry("503", 3.0)
    await alerts(world, 3, age_ms=HOUR + 1)
    await world.turn()
    world.up()
    await alerts(world, 1)

    async def nowhere(seqs):
        raise MissingPayload(seqs)

    with monkeypatch.context() as patched:
        patched.setattr(world.payloads, "of", nowhere)
        for _ in range(5):
            world.now += 5_000
            await world.turn()
    blocked, said = (await book(world)).blocked, list(world.witness.said)
    await world.until_done()

    assert "neither in the log nor in the archive" in blocked
    assert len(said) == 2, said
    assert world.mailbox.counted() == 3


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


async def test_two_workers_without_leases_say_once_that_it_is_blocked_and_once_that_it_is_not(log):
    one, other = World(log, OLD), World(log, OLD)
    for world in (one, other):
        world.down()
    await alerts(one, 5)
    for _ in range(4):
        for world in (one, other):
            await world.turn()
            world.now += 5_000
    for world in (one, other):
        world.up()
    await one.turn()
    await other.turn()

    assert sorted(one.witness.said + other.witness.said) == ["blocked: 503", "recovered"]
