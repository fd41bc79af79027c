"""Books, rows and single fates on a real server."""

import pytest
from redis.asyncio import Redis

from hub.store.base import Fate, StoreError
from hub.store.log import RedisLog
from tests.factories.valkey import events

NOW = 1_700_000_000_000


async def _queued(log: RedisLog, count: int, every: int = 1) -> None:
    for at in range(0, count, 200):
        await log.record(events(*range(at + 1, min(at + 200, count) + 1)), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    for frm in range(0, count, 2_000):
        to = min(frm + 2_000, count)
        await log.route(frm, to, gen, {"a": [seq for seq in range(frm + 1, to + 1) if seq % every == 0]})


async def _settle(log: RedisLog, *fates: Fate) -> None:
    refs = (await log.peek("a", len(fates), now_ms=NOW)).refs
    await log.settle("a", refs, fates, ["ab"] * len(fates), now_ms=NOW)


async def test_the_books_count_what_is_stored_and_do_not_hide_a_loss(log: RedisLog, redis: Redis):
    await _queued(log, 5)
    before = (await log.books())[0]
    await redis.lpop(log.keys.queue("a"))
    after = (await log.books())[0]

    assert before.balanced
    assert not after.balanced


async def test_events_that_are_not_routed_yet_are_pending(log: RedisLog):
    await _queued(log, 4, every=2)
    await log.record(events(5, 6, 7), now_ms=NOW)

    (book,) = await log.books()
    assert (book.recorded, book.matched, book.filtered, book.pending) == (7, 2, 2, 5)
    assert book.balanced


async def test_an_empty_log_has_no_books_rows_or_fates(log: RedisLog):
    assert await log.books() == []
    assert await log.rows(now_ms=NOW) == []
    assert await log.fates(1) == {}


async def test_a_row_tells_what_waits_and_since_when(log: RedisLog):
    await _queued(log, 6)
    await _settle(
        log, Fate("delivered"), Fate("retry", "503 busy", 700), Fate("parked", "400"), Fate("postponed")
    )

    (row,) = await log.rows(now_ms=NOW + 50, name="a")
    assert (row.queued, row.head_seq, row.retrying, row.parked, row.oldest_seq) == (2, 5, 2, 1, 2)
    assert (row.state, row.reason, row.since_ms) == ("ok", "503 busy", 0)
    assert (row.next_retry_ms, row.clock_ms, row.last_delivered_ms) == (NOW, NOW + 50, NOW)


async def test_rows_of_an_unknown_name_are_none(log: RedisLog):
    await _queued(log, 1)

    assert await log.rows(now_ms=NOW, name="nobody") == []
    assert await log.clock_ms("nobody", now_ms=NOW) == NOW


async def test_the_oldest_of_a_large_set_is_looked_up_at_most_once_a_minute(log: RedisLog):
    await _queued(log, 1_400)
    await _settle(log, *[Fate("parked", "400")] * 1_200)
    first = await log.rows(now_ms=NOW)
    await log.drop("a", [1, 2], "operator")
    within = await log.rows(now_ms=NOW + 59_999)
    after = await log.rows(now_ms=NOW + 60_000)

    assert [rows[0].oldest_seq for rows in (first, within, after)] == [1, 1, 3]


async def test_every_fate_of_an_event_is_told(log: RedisLog):
    await _queued(log, 7)
    await _settle(
        log, Fate("delivered"), Fate("retry", "503", 9), Fate("parked", "400: no"), Fate("dropped", "stale")
    )
    await log.record(events(8), now_ms=NOW)
    await log.add("late", now_ms=NOW)
    await log.push("a@job", [5], now_ms=NOW)

    told = {seq: await log.fates(seq) for seq in (1, 2, 3, 4, 5, 8, 9)}

    assert told[1] == {"a": "delivered or filtered"}
    assert told[2] == {"a": "retrying"}
    assert told[3] == {"a": "parked: 400: no"}
    assert told[4] == {"a": "dropped: stale"}
    assert told[5] == {"a": "pending", "a@job": "pending"}
    assert told[8] == {"a": "pending", "late": "pending"}
    assert told[9] == {}


async def test_dropped_events_are_told_exactly_however_many_and_scattered(log: RedisLog, redis: Redis):
    await _queued(log, 6_000, every=3)
    for reason in ("stale", "stale", "operator", "stale"):
        await _settle(log, *[Fate("dropped", reason)] * 400)
    await _settle(log, *[Fate("retry"), Fate("dropped", "stale")] * 200)
    retries = await log.due("a", 5, now_ms=NOW)
    await log.retried("a", [(ref, Fate("dropped", "erased"), "ab") for ref in retries], now_ms=NOW)

    reasons = {600: "stale", 2_400: "stale", 2_403: "operator", 3_603: "stale", retries[0].seq: "erased"}
    for seq, reason in reasons.items():
        assert await log.fates(seq) == {"a": f"dropped: {reason}"}
        assert await log.fates(seq + 1) == {"a": "delivered or filtered"}
    assert (await log.books())[0].dropped_by == {"stale": 1_400, "operator": 400, "erased": 5}
    assert await redis.memory_usage(log.keys.row("a") + ":gone", samples=0) < 8 * 1_805


async def test_a_mass_drop_of_neighbours_is_a_few_ranges(log: RedisLog, redis: Redis):
    await _queued(log, 21_000)
    while refs := (await log.peek("a", 2_000, now_ms=NOW)).refs:
        await log.settle("a", refs, [Fate("dropped", "stale")] * len(refs), ["ab"] * len(refs), now_ms=NOW)

    assert await redis.zcard(log.keys.row("a") + ":gone") == 3
    for seq in (1, 10_000, 10_001, 21_000):
        assert await log.fates(seq) == {"a": "dropped: stale"}


async def test_a_waiting_reference_costs_few_bytes(log: RedisLog, redis: Redis):
    await _queued(log, 4_000)
    queue = await redis.memory_usage(log.keys.queue("a"), samples=0)
    while refs := (await log.peek("a", 500, now_ms=NOW)).refs:
        await log.settle("a", refs, [Fate("retry", "503", 60_000)] * 500, ["ab"] * 500, now_ms=NOW)
    retry = await redis.memory_usage(log.keys.row("a") + ":retry", samples=0)

    assert queue / 4_000 <= 10
    assert retry / 4_000 <= 125


async def test_a_key_of_a_wrong_type_is_an_error_of_ours(log: RedisLog, redis: Redis):
    await _queued(log, 1)
    await redis.set(log.keys.row("a") + ":parked", "x")

    with pytest.raises(StoreError, match="WRONGTYPE"):
        await log.books()
