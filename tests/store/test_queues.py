"""A connector's queue and retry set on a real server."""

import pytest
from redis.asyncio import Redis

from hub.store.base import Fate, Peeked, RetryRef, Stale
from hub.store.log import RedisLog
from tests.factories.valkey import events, uid

NOW = 1_700_000_000_000
DELIVERED, PARKED = Fate("delivered"), Fate("parked", "400 bad request")


async def _queued(log: RedisLog, count: int) -> None:
    await log.record(events(*range(1, count + 1)), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await log.route(0, count, gen, {"a": range(1, count + 1)})


async def _settle(log: RedisLog, *fates: Fate, now_ms: int = NOW) -> None:
    refs = (await log.peek("a", len(fates), now_ms=now_ms)).refs
    await log.settle("a", refs, fates, ["ab"] * len(fates), now_ms=now_ms)


# -- peek ----------------------------------------------------------------------------------------------------
async def test_peek_shows_the_head_and_takes_nothing(log: RedisLog):
    await _queued(log, 5)

    assert await log.peek("a", 2, now_ms=NOW) == Peeked((1, 2))
    assert await log.peek("a", 9, now_ms=NOW) == Peeked((1, 2, 3, 4, 5))


async def test_peek_finds_nothing_where_there_is_nothing(log: RedisLog):
    await _queued(log, 1)
    await _settle(log, DELIVERED)

    assert await log.peek("a", 5, now_ms=NOW) == Peeked(())
    assert await log.peek("nobody", 5, now_ms=NOW) == Peeked(())


async def test_a_head_that_kills_its_worker_comes_alone_and_is_parked_then(log: RedisLog):
    await _queued(log, 5)
    looks = [await log.peek("a", 3, now_ms=NOW) for _ in range(8)]

    assert [look.refs for look in looks] == [(1, 2, 3)] * 3 + [(1,)] * 3 + [(2, 3, 4)] * 2
    assert [look.parked for look in looks] == [0] * 6 + [1, 0]
    (parked,) = await log.parked("a")
    assert (parked.seq, parked.uid, parked.attempts, parked.since_ms) == (1, uid(1).hex(), 6, NOW)
    assert "no outcome after 6 tries" in parked.reason
    assert all(book.balanced for book in await log.books())


async def test_a_look_after_which_nothing_is_sent_counts_against_nobody(log: RedisLog):
    await _queued(log, 5)
    waiting = [await log.peek("a", 3, now_ms=NOW, counts=False) for _ in range(20)]
    for _ in range(6):
        await log.peek("a", 3, now_ms=NOW)

    assert waiting == [Peeked((1, 2, 3))] * 20
    assert await log.peek("a", 3, now_ms=NOW, counts=False) == Peeked((1,)), "alone, and parked by who sends"
    assert await log.peek("a", 3, now_ms=NOW) == Peeked((2, 3, 4), 1)


async def test_a_look_at_retries_after_which_nothing_is_sent_counts_against_nobody(log: RedisLog):
    await _queued(log, 2)
    await _settle(log, Fate("retry", "503", 0), Fate("retry", "503", 0))
    waiting = [await log.due("a", 3, now_ms=NOW, counts=False) for _ in range(20)]
    looks = [await log.due("a", 3, now_ms=NOW) for _ in range(7)]

    assert [len(each) for each in waiting] == [2] * 20
    assert [len(each) for each in looks] == [2, 2, 2, 1, 1, 1, 1]
    assert [parked.seq for parked in await log.parked("a")] == [1]


async def test_a_killer_that_is_the_last_one_leaves_the_queue_empty(log: RedisLog):
    await _queued(log, 1)
    for _ in range(6):
        await log.peek("a", 3, now_ms=NOW)

    assert await log.peek("a", 3, now_ms=NOW) == Peeked((), 1)
    assert await log.ready(NOW) == []


async def test_a_killer_that_left_the_log_is_parked_without_its_uid(log: RedisLog):
    await _queued(log, 1)
    await log.trim(1)
    for _ in range(7):
        await log.peek("a", 3, now_ms=NOW)

    assert [row.uid for row in await log.parked("a")] == [""]


# -- settle --------------------------------------------------------------------------------------------------
async def test_each_fate_goes_where_it_belongs(log: RedisLog):
    await _queued(log, 6)

    await _settle(
        log, DELIVERED, Fate("retry", "503", 60_000), Fate("postponed"), PARKED, Fate("dropped", "stale")
    )

    (book,) = await log.books()
    assert (book.delivered, book.retrying, book.parked, book.dropped, book.queued) == (1, 2, 1, 1, 1)
    assert book.dropped_by == {"stale": 1}
    assert book.balanced
    assert await log.due("a", 9, now_ms=NOW) == [RetryRef(3, 0, NOW)]
    assert await log.due("a", 9, now_ms=NOW + 60_000) == [RetryRef(3, 0, NOW), RetryRef(2, 1, NOW)]


async def test_an_answer_that_comes_second_does_not_count(log: RedisLog):
    await _queued(log, 4)
    await log.settle("a", [1, 2], [DELIVERED] * 2, ["ab"] * 2, now_ms=NOW)

    for refs in ([1, 2], [2, 3], [4, 3], [3, 4, 5]):
        with pytest.raises(Stale):
            await log.settle("a", refs, [DELIVERED] * len(refs), ["ab"] * len(refs), now_ms=NOW)

    (book,) = await log.books()
    assert (book.delivered, book.queued) == (2, 2)


async def test_settling_for_a_forgotten_connector_is_stale(log: RedisLog):
    await _queued(log, 1)
    await log.forget("a")

    with pytest.raises(Stale, match="no row"):
        await log.settle("a", [1], [DELIVERED], ["ab"], now_ms=NOW)


@pytest.mark.parametrize(
    ("fates", "uids"),
    [([DELIVERED], ["ab", "ab"]), ([DELIVERED] * 3, ["ab"] * 3), ([DELIVERED] * 2, ["ab"])],
)
async def test_there_must_be_one_fate_and_uid_each(log: RedisLog, fates: list[Fate], uids: list[str]):
    await _queued(log, 3)

    with pytest.raises(ValueError, match="as many fates and uids"):
        await log.settle("a", [1, 2], fates, uids, now_ms=NOW)


@pytest.mark.parametrize("fate", [Fate("dropped", ""), Fate("dropped", "x" * 65)])
async def test_a_drop_needs_a_short_code(log: RedisLog, fate: Fate):
    await _queued(log, 1)

    with pytest.raises(ValueError, match="short code"):
        await log.settle("a", [1], [fate], ["ab"], now_ms=NOW)


async def test_a_bad_number_leaves_nothing_half_done(log: RedisLog):
    await _queued(log, 2)

    with pytest.raises(ValueError, match="refused by the log"):
        await log.settle("a", [1, 2], [PARKED, Fate("retry", "x", 2**60)], ["ab"] * 2, now_ms=NOW)

    (book,) = await log.books()
    assert (book.queued, book.parked) == (2, 0)


async def test_any_text_of_a_reason_comes_back(log: RedisLog):
    await _queued(log, 1)
    reason = 'a:b:c "ü" \r\n\x00' + "y" * 600

    await _settle(log, Fate("parked", reason))

    assert [row.reason for row in await log.parked("a")] == [reason[:500]]


async def test_an_uid_that_would_break_the_record_is_refused(log: RedisLog):
    await _queued(log, 1)

    with pytest.raises(ValueError, match="hexadecimal"):
        await log.settle("a", [1], [PARKED], ["a:b"], now_ms=NOW)


async def test_settling_nothing_is_nothing(log: RedisLog):
    await log.settle("a", [], [], [], now_ms=NOW)

    assert await log.books() == []


# -- retries -------------------------------------------------------------------------------------------------
async def test_a_retry_counts_its_attempts_and_keeps_its_first_time(log: RedisLog):
    await _queued(log, 1)
    await _settle(log, Fate("retry", "503", 100))
    (first,) = await log.due("a", 5, now_ms=NOW + 100)
    await log.retried("a", [(first, Fate("retry", "503", 100), "ab")], now_ms=NOW + 100)
    (second,) = await log.due("a", 5, now_ms=NOW + 200)
    await log.retried("a", [(second, Fate("postponed"), "ab")], now_ms=NOW + 200)

    assert (first, second) == (RetryRef(1, 1, NOW), RetryRef(1, 2, NOW))
    assert await log.due("a", 5, now_ms=NOW + 200) == [second]


async def test_a_retry_counts_once_however_often_it_is_answered(log: RedisLog):
    await _queued(log, 2)
    await _settle(log, Fate("retry"), Fate("retry"))
    one, two = await log.due("a", 5, now_ms=NOW)

    assert await log.retried("a", [(one, DELIVERED, "ab"), (one, DELIVERED, "ab")], now_ms=NOW) == 1
    assert await log.retried("a", [(one, DELIVERED, "ab"), (two, PARKED, "ab")], now_ms=NOW) == 1
    assert await log.retried("a", [], now_ms=NOW) == 0
    (book,) = await log.books()
    assert (book.delivered, book.parked, book.retrying) == (1, 1, 0)
    assert [row.attempts for row in await log.parked()] == [2]


async def test_a_retry_that_kills_its_worker_comes_alone_and_is_parked_then(log: RedisLog):
    await _queued(log, 3)
    await _settle(log, *[Fate("retry")] * 3)
    looks = [[ref.seq for ref in await log.due("a", 2, now_ms=NOW)] for _ in range(8)]

    assert looks == [[1, 2]] * 3 + [[1]] * 3 + [[2, 3]] * 2
    (parked,) = await log.parked("a")
    assert (parked.seq, parked.uid, parked.attempts) == (1, uid(1).hex(), 7)


async def test_due_gives_no_more_than_asked_for(log: RedisLog):
    await _queued(log, 4)
    await _settle(log, *[Fate("retry")] * 4)

    assert [ref.seq for ref in await log.due("a", 3, now_ms=NOW)] == [1, 2, 3]


# -- ready ---------------------------------------------------------------------------------------------------
async def test_a_waiting_retry_makes_its_connector_ready_when_it_is_due(log: RedisLog):
    await _queued(log, 1)
    await _settle(log, Fate("retry", "503", 500))

    assert await log.ready(NOW + 499) == []
    assert await log.ready(NOW + 500) == ["a"]


async def test_more_ready_ones_than_the_limit_all_get_their_turn(log: RedisLog):
    await log.record(events(1), now_ms=NOW)
    names = [f"c{n}" for n in range(6)]
    gen = await log.publish("{}", names, now_ms=NOW)
    await log.route(0, 1, gen, {name: [1] for name in names})

    windows = [await log.ready(NOW, 2) for _ in range(100)]

    assert {len(window) for window in windows} == {2}
    assert {name for window in windows for name in window} == set(names)


# -- leases --------------------------------------------------------------------------------------------------
async def test_a_lease_has_one_holder_who_may_extend_it(log: RedisLog, redis: Redis):
    assert await log.acquire("router", "me", 1_000)
    assert not await log.acquire("router", "you", 1_000)
    assert await log.acquire("router", "me", 60_000)
    assert await redis.pttl(log.keys.lease("router")) > 1_000


async def test_a_lease_is_free_after_its_release_by_its_holder(log: RedisLog):
    await log.acquire("router", "me", 60_000)
    await log.release("router", "you")
    assert not await log.acquire("router", "you", 60_000)

    await log.release("router", "me")

    assert await log.acquire("router", "you", 60_000)


# -- replays -------------------------------------------------------------------------------------------------
async def test_a_replays_row_records_what_was_pushed(log: RedisLog):
    await _queued(log, 9)

    await log.push("a@job", [], now_ms=NOW)
    await log.push("a@job", [2, 5], now_ms=NOW)
    await log.push("a@job", [2, 5, 7], now_ms=NOW)

    book = next(book for book in await log.books() if book.connector == "a@job")
    assert (book.recorded, book.matched, book.filtered, book.pending) == (3, 3, 0, 3)
    assert await log.last_pushed("a@job") == 7
    assert (await log.peek("a@job", 9, now_ms=NOW)).refs == (2, 5, 7)


async def test_a_push_that_may_make_no_row_is_refused_where_there_is_none(log: RedisLog):
    await _queued(log, 3)
    await log.push("a@job", [1], now_ms=NOW)
    await log.rename("a", "b")

    with pytest.raises(Stale):
        await log.push("a@job", [2], now_ms=NOW, makes=False)
    await log.push("b@job", [2], now_ms=NOW, makes=False)

    assert {row.name for row in await log.rows(now_ms=NOW)} == {"b", "b@job"}


async def test_a_push_needs_a_replays_row_and_ascending_references(log: RedisLog):
    await _queued(log, 3)

    with pytest.raises(ValueError, match="connector@job"):
        await log.push("a", [1], now_ms=NOW)
    with pytest.raises(ValueError, match="2000 references"):
        await log.push("a@job", range(1, 2_002), now_ms=NOW)
    for refs in ([2, 1], [0], [1, 1]):
        with pytest.raises(ValueError, match="reference"):
            await log.push("a@job", refs, now_ms=NOW)
    assert await log.last_pushed("a@job") == 0
