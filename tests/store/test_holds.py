"""Blocks, pauses, parked events and expiry on a real server."""

import pytest

from hub.store.base import UNTOLD, ConnectorRow, Fate, RetryRef, Stale
from hub.store.log import RedisLog
from tests.factories.valkey import events

NOW = 1_700_000_000_000
RETRY, PARKED, DROPPED = Fate("retry", "503", 1_000), Fate("parked", "400"), Fate("dropped", "stale")


async def _queued(log: RedisLog, count: int) -> None:
    await log.record(events(*range(1, count + 1)), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await log.route(0, count, gen, {"a": range(1, count + 1)})


async def _settle(log: RedisLog, *fates: Fate) -> None:
    refs = (await log.peek("a", len(fates), now_ms=NOW)).refs
    await log.settle("a", refs, fates, ["ab"] * len(fates), now_ms=NOW)


async def _row(log: RedisLog, now_ms: int) -> ConnectorRow:
    (row,) = await log.rows(now_ms=now_ms, name="a")
    return row


# -- block ---------------------------------------------------------------------------------------------------
async def test_a_block_stops_the_clock_and_an_unblock_lets_it_go_on(log: RedisLog):
    await _queued(log, 1)
    await _settle(log, RETRY)

    assert await log.block("a", "401", NOW + 5_000, now_ms=NOW + 400)
    assert await log.due("a", 5, now_ms=NOW + 4_000) == []
    assert await log.unblock("a", now_ms=NOW + 10_400)

    assert await log.due("a", 5, now_ms=NOW + 10_999) == []
    assert await log.due("a", 5, now_ms=NOW + 11_000) == [RetryRef(1, 1, NOW)]
    assert await log.ready(NOW + 10_999) == []
    assert await log.ready(NOW + 11_000) == ["a"]
    assert await log.clock_ms("a", now_ms=NOW + 11_000) == NOW + 1_000


async def test_a_second_block_moves_the_probe_and_keeps_the_first_time(log: RedisLog):
    await _queued(log, 1)

    assert await log.block("a", "503", NOW + 100, now_ms=NOW)
    assert not await log.block("a", "401 revoked", NOW + 900, now_ms=NOW + 500)

    row = await _row(log, NOW + 600)
    assert (row.state, row.reason, row.since_ms, row.probe_at_ms) == (
        "blocked",
        "401 revoked",
        NOW,
        NOW + 900,
    )
    assert row.clock_ms == NOW
    assert await log.ready(NOW + 899) == []
    assert await log.ready(NOW + 900) == ["a"]


async def test_blocks_add_up_on_the_clock(log: RedisLog):
    await _queued(log, 1)
    for at in (1_000, 5_000):
        await log.block("a", "503", NOW + at, now_ms=NOW + at)
        await log.unblock("a", now_ms=NOW + at + 300)

    assert await log.clock_ms("a", now_ms=NOW + 9_000) == NOW + 8_400


async def test_a_wall_clock_that_was_set_back_does_not_make_the_own_clock_run_ahead(log: RedisLog):
    await _queued(log, 1)
    await log.block("a", "503", NOW, now_ms=NOW)
    await log.unblock("a", now_ms=NOW - 60_000)

    assert await log.clock_ms("a", now_ms=NOW) == NOW


async def test_a_blocked_connector_is_probed_with_what_arrives_and_not_before(log: RedisLog):
    await log.record(events(1), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await log.block("a", "503", NOW + 10, now_ms=NOW)
    before = await log.ready(NOW + 10)

    await log.route(0, 1, gen, {"a": [1]})

    assert before == []
    assert await log.ready(NOW + 9) == []
    assert await log.ready(NOW + 10) == ["a"]


async def test_a_blocked_connector_with_only_later_retries_is_probed_with_the_earliest(log: RedisLog):
    await _queued(log, 2)
    await _settle(log, Fate("retry", "503", 9_000), RETRY)
    await log.block("a", "503", NOW + 100, now_ms=NOW)

    assert await log.due("a", 5, now_ms=NOW + 99) == []
    assert await log.due("a", 5, now_ms=NOW + 100) == [RetryRef(2, 1, NOW)]


async def test_unblocking_what_is_not_blocked_says_so(log: RedisLog):
    await _queued(log, 1)

    assert not await log.unblock("a", now_ms=NOW)
    assert not await log.unblock("nobody", now_ms=NOW)
    assert not await log.block("nobody", "x", NOW, now_ms=NOW)


async def test_the_books_tell_why_a_connector_is_blocked(log: RedisLog):
    await _queued(log, 1)
    await log.block("a", "", NOW, now_ms=NOW)
    unnamed = (await log.books())[0].blocked
    await log.block("a", "certificate expired", NOW, now_ms=NOW)

    assert unnamed == "blocked"
    assert (await log.books())[0].blocked == "certificate expired"


# -- pause ---------------------------------------------------------------------------------------------------
async def test_a_paused_connector_is_never_ready_and_shows_no_references(log: RedisLog):
    await _queued(log, 2)
    await _settle(log, Fate("retry", "503", 0))
    await log.pause("a", now_ms=NOW)
    await log.pause("a", now_ms=NOW + 500)
    gen = (await log.head()).gen
    await log.record(events(3), now_ms=NOW)
    await log.route(2, 3, gen, {"a": [3]})

    assert await log.ready(NOW + 1_000) == []
    assert (await log.peek("a", 5, now_ms=NOW)).refs == ()
    assert await log.due("a", 5, now_ms=NOW + 1_000) == []
    row = await _row(log, NOW)
    assert (row.state, row.since_ms, row.queued, row.retrying) == ("paused", NOW, 2, 1)


async def test_an_answer_that_was_on_its_way_counts_in_spite_of_a_pause(log: RedisLog):
    await _queued(log, 1)
    await log.pause("a", now_ms=NOW)

    await log.settle("a", [1], [Fate("delivered")], ["ab"], now_ms=NOW)

    assert (await log.books())[0].delivered == 1


async def test_a_block_is_told_once_when_it_is_sure_to_last_and_its_end_only_then(log: RedisLog):
    await _queued(log, 1)
    brief = await log.block("a", "503", NOW + 1_000, now_ms=NOW, tell_after_ms=30_000)
    ended_untold = await log.unblock("a", now_ms=NOW + 1_000)
    blocks = [
        await log.block("a", "503", NOW + at + 10_000, now_ms=NOW + at, tell_after_ms=30_000)
        for at in (10_000, 20_000, 29_999, 31_000, 60_000)
    ]

    assert (brief, ended_untold) == (False, False)
    assert blocks == [False, False, False, True, False], "the probe at 41 s is 31 s after its beginning"
    assert await log.unblock("a", now_ms=NOW + 70_000)
    assert not await log.unblock("a", now_ms=NOW + 70_000)


async def test_a_block_that_nobody_tells_of_leaves_it_to_the_next(log: RedisLog):
    await _queued(log, 1)

    assert not await log.block("a", "defect", NOW + 5_000, now_ms=NOW, tell_after_ms=UNTOLD)
    assert await log.block("a", "503", NOW + 5_000, now_ms=NOW)


async def test_resume_ends_a_pause_and_a_block(log: RedisLog):
    await _queued(log, 1)
    await log.pause("a", now_ms=NOW)
    await log.block("a", "503", NOW + 9_000, now_ms=NOW)

    await log.resume("a", now_ms=NOW + 50)

    assert (await _row(log, NOW + 50)).state == "ok"
    assert await log.ready(NOW + 50) == ["a"]
    assert await log.clock_ms("a", now_ms=NOW + 50) == NOW


@pytest.mark.parametrize("verb", ["pause", "resume"])
async def test_holding_an_unknown_connector_is_stale(log: RedisLog, verb: str):
    with pytest.raises(Stale, match="no row"):
        await getattr(log, verb)("nobody", now_ms=NOW)


# -- parked --------------------------------------------------------------------------------------------------
async def test_parked_events_come_back_with_a_fresh_count(log: RedisLog):
    await _queued(log, 3)
    await _settle(log, PARKED, PARKED, PARKED)

    assert await log.unpark("a", [1, 3, 77], now_ms=NOW + 5) == 2
    assert await log.unpark("a", [1, 3], now_ms=NOW + 5) == 0
    assert await log.due("a", 5, now_ms=NOW + 5) == [
        RetryRef(1, 0, NOW + 5, unparked=True),
        RetryRef(3, 0, NOW + 5, unparked=True),
    ]
    assert [row.seq for row in await log.parked("a")] == [2]


async def test_parked_events_can_be_dropped_once(log: RedisLog):
    await _queued(log, 3)
    await _settle(log, PARKED, PARKED, PARKED)

    assert await log.drop("a", [3, 1, 3], "operator") == 2
    assert await log.drop("a", [1], "operator") == 0
    (book,) = await log.books()
    assert (book.parked, book.dropped_by, book.balanced) == (1, {"operator": 2}, True)


async def test_many_parked_events_end_in_pieces(log: RedisLog):
    for at in range(0, 2_400, 200):
        await log.record(events(*range(at, at + 200)), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    for frm in (0, 1_200):
        await log.route(frm, frm + 1_200, gen, {"a": range(frm + 1, frm + 1_201)})
    await _settle(log, *[PARKED] * 2_400)

    assert len(await log.parked("a", limit=7)) == 7
    assert await log.unpark("a", range(1, 1_201), now_ms=NOW) == 1_200
    assert await log.drop("a", range(1, 2_401), "operator") == 1_200
    assert await log.parked() == []
    assert (await log.books())[0].balanced


async def test_parked_lists_one_connector_or_all_in_order(log: RedisLog):
    await _queued(log, 12)
    await _settle(log, *[PARKED] * 12)
    await log.add("b", now_ms=NOW)

    assert [row.seq for row in await log.parked()] == list(range(1, 13))
    assert await log.parked("b") == []


# -- expire --------------------------------------------------------------------------------------------------
async def test_expiry_ends_what_is_owed_up_to_a_seq_wherever_it_waits(log: RedisLog):
    await _queued(log, 8)
    await _settle(log, RETRY, PARKED, Fate("delivered"), RETRY, PARKED)

    assert await log.expire("a", 6, "expired") == 5
    (book,) = await log.books()
    assert (book.dropped_by, book.queued, book.balanced) == ({"expired": 5}, 2, True)
    assert await log.expire("a", 6, "expired") == 0
    assert await log.expire("nobody", 6, "expired") == 0


async def test_expiry_takes_no_more_than_its_limit_a_call(log: RedisLog):
    await _queued(log, 9)
    await _settle(log, RETRY, RETRY, PARKED, PARKED)

    assert [await log.expire("a", 2**60, "expired", limit=4) for _ in range(4)] == [4, 4, 1, 0]
    assert (await log.books())[0].balanced


async def test_an_answer_for_an_expired_head_is_stale(log: RedisLog):
    await _queued(log, 3)
    refs = (await log.peek("a", 2, now_ms=NOW)).refs
    await log.expire("a", 1, "erased")

    with pytest.raises(Stale):
        await log.settle("a", refs, [Fate("delivered")] * 2, ["ab"] * 2, now_ms=NOW)
