"""Recording, reading, trimming on a real server."""

import pytest
from redis.asyncio import Redis

from hub.model.event import Event
from hub.store.base import CursorMove, Full, Stale
from hub.store.log import Limits, RedisLog
from tests.factories.valkey import event, events, uid

NOW = 1_700_000_000_000


async def test_what_is_recorded_is_read_back_whole(log: RedisLog):
    given = event(7, body='{"subject":"grüße"}'.encode())

    await log.record([given], now_ms=NOW)

    (entry,) = await log.read(0, 10)
    assert (entry.seq, entry.uid, entry.header, entry.body) == (1, given.uid, given.header, given.body)


async def test_a_uid_of_any_bytes_survives(log: RedisLog):
    raw = bytes(range(240, 256))

    await log.record([Event(raw, event(1).header, b"\x00\xff\r\n")], now_ms=NOW)

    (entry,) = await log.read(0, 10)
    assert (entry.uid, entry.body) == (raw, b"\x00\xff\r\n")


async def test_seqs_are_dense_over_repeats(log: RedisLog):
    first = await log.record(events(1, 2, 1), now_ms=NOW)
    second = await log.record(events(2, 3), now_ms=NOW)

    assert (first.fresh, first.seq) == ((True, True, False), 2)
    assert (second.fresh, second.seq) == ((False, True), 3)
    assert [entry.seq for entry in await log.read(0, 10)] == [1, 2, 3]


async def test_two_hundred_events_are_one_step_and_one_more_is_refused(log: RedisLog):
    taken = await log.record(events(*range(200)), now_ms=NOW)

    assert all(taken.fresh)
    with pytest.raises(ValueError, match="200 events"):
        await log.record(events(*range(201)), now_ms=NOW)


async def test_bodies_above_a_mebibyte_are_refused_unless_one_stands_alone(log: RedisLog):
    half, whole = b"x" * 600_000, b"x" * 3_000_000

    with pytest.raises(ValueError, match="1048576 bytes"):
        await log.record([event(1, body=half), event(2, body=half)], now_ms=NOW)

    assert (await log.record([event(3, body=whole)], now_ms=NOW)).fresh == (True,)


async def test_a_uid_of_another_length_is_refused(log: RedisLog):
    with pytest.raises(ValueError, match="16 bytes, not 3"):
        await log.record([Event(b"abc", event(1).header, b"{}")], now_ms=NOW)


async def test_nothing_to_record_writes_nothing(log: RedisLog):
    assert (await log.record([], now_ms=NOW)).seq == 0


# -- cursors -------------------------------------------------------------------------------------------------
async def test_a_cursor_moves_with_its_events(log: RedisLog):
    await log.record(events(1), CursorMove("mg/audit", None, "p1"), now_ms=NOW)
    await log.record([], CursorMove("mg/audit", "p1", "p2"), now_ms=NOW)

    assert await log.cursor("mg/audit") == "p2"
    assert await log.cursors() == {"mg/audit": "p2"}
    assert await log.cursor("mg/other") is None


async def test_a_stale_cursor_writes_nothing(log: RedisLog):
    await log.record(events(1), CursorMove("mg/audit", None, "p1"), now_ms=NOW)

    for expected in (None, "p0", ""):
        with pytest.raises(Stale, match="cursor"):
            await log.record(events(2), CursorMove("mg/audit", expected, "p9"), now_ms=NOW)

    assert (await log.head()).seq == 1
    assert await log.cursor("mg/audit") == "p1"


async def test_a_cursor_without_a_stream_is_refused(log: RedisLog):
    with pytest.raises(ValueError, match="name of its stream"):
        await log.record(events(1), CursorMove("", None, "p1"), now_ms=NOW)


# -- limits --------------------------------------------------------------------------------------------------
async def test_a_full_log_refuses_new_events_and_takes_repeats_and_cursors(redis: Redis):
    log = RedisLog(redis, limits=Limits(max_entries=2))
    await log.record(events(1, 2), now_ms=NOW)

    with pytest.raises(Full, match="2 entries"):
        await log.record(events(3), CursorMove("mg/audit", None, "p1"), now_ms=NOW)

    assert (await log.record(events(1), CursorMove("mg/audit", None, "p1"), now_ms=NOW)).fresh == (False,)


async def test_the_log_refuses_by_bytes_too_and_drains_by_trim(redis: Redis):
    log = RedisLog(redis, limits=Limits(max_bytes=3_000))
    await log.record([event(1, body=b"x" * 1_000), event(2, body=b"x" * 1_000)], now_ms=NOW)

    with pytest.raises(Full):
        await log.record([event(3, body=b"x" * 1_000)], now_ms=NOW)

    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 2, gen, {})
    await log.trim(1)
    assert (await log.record([event(3, body=b"x" * 1_000)], now_ms=NOW)).fresh == (True,)


async def test_an_empty_log_takes_an_event_of_any_size(redis: Redis):
    log = RedisLog(redis, limits=Limits(max_bytes=10))

    assert (await log.record([event(1, body=b"x" * 100)], now_ms=NOW)).fresh == (True,)


# -- dedupe --------------------------------------------------------------------------------------------------
async def test_a_repeat_is_recognised_for_the_whole_window_and_forgotten_after_two(redis: Redis):
    log = RedisLog(redis, limits=Limits(dedupe_ms=1_000))
    await log.record(events(1), now_ms=NOW)
    await log.record(events(2), now_ms=NOW + 999)
    within = await log.record(events(1), now_ms=NOW + 1_000)
    await log.record(events(3), now_ms=NOW + 1_000)
    await log.record(events(4), now_ms=NOW + 2_000)
    await log.record(events(5), now_ms=NOW + 3_000)

    assert within.fresh == (False,)
    assert (await log.record(events(1), now_ms=NOW + 3_001)).fresh == (True,)
    assert (await log.record(events(4), now_ms=NOW + 3_001)).fresh == (False,)


async def test_the_window_is_the_configured_one_until_an_id_was_forgotten(redis: Redis):
    log = RedisLog(redis, limits=Limits(dedupe_ms=1_000_000, dedupe_ids=2))
    await log.record(events(1, 2), now_ms=NOW)

    assert (await log.head()).dedupe_window_ms == 1_000_000


async def test_a_window_that_the_count_cuts_short_is_told(redis: Redis):
    log = RedisLog(redis, limits=Limits(dedupe_ms=1_000_000, dedupe_ids=2))
    for at in range(8):
        await log.record(events(at), now_ms=NOW + 10 * at)

    window_ms = (await log.head()).dedupe_window_ms
    inside = [n for n in range(8) if 10 * n >= 70 - window_ms]
    again = await log.record(events(*inside), now_ms=NOW + 70)

    assert 20 <= window_ms < 70
    assert not any(again.fresh)


# -- reading -------------------------------------------------------------------------------------------------
async def test_entries_finds_those_that_are_there_in_any_pattern(log: RedisLog):
    await log.record(events(*range(1, 11)), now_ms=NOW)
    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 10, gen, {})
    await log.trim(3)

    assert list(await log.entries([2, 3, 4, 5])) == [4, 5]
    assert {seq: e.uid for seq, e in (await log.entries([1, 4, 7, 99])).items()} == {4: uid(4), 7: uid(7)}
    assert await log.entries([]) == {}


async def test_read_goes_on_after_a_seq_and_shows_a_hole(log: RedisLog, redis: Redis):
    await log.record(events(1, 2, 3, 4), now_ms=NOW)
    await redis.xdel(log.keys.log, "3-0")

    assert [entry.seq for entry in await log.read(1, 2)] == [2, 4]
    assert await log.read(4, 10) == []


# -- trim ----------------------------------------------------------------------------------------------------
async def test_trim_goes_no_further_than_the_router(log: RedisLog):
    await log.record(events(*range(1, 11)), now_ms=NOW)
    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 6, gen, {})

    assert await log.trim(10) == 6
    assert await log.trim(2) == 6
    assert [entry.seq for entry in await log.read(0, 10)] == [7, 8, 9, 10]


async def test_the_log_knows_its_bytes_after_every_trim(log: RedisLog):
    await log.record([event(n, body=b"x" * n) for n in range(1, 6)], now_ms=NOW)
    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 5, gen, {})
    sizes = [(await log.head()).log_bytes]
    for to in (2, 5):
        await log.trim(to)
        sizes.append((await log.head()).log_bytes)

    per_event = (sizes[0] - sum(range(1, 6))) // 5
    assert sizes == [5 * per_event + 15, 3 * per_event + 12, 0]


async def test_a_forced_trim_is_made_good_at_the_next_one(log: RedisLog, redis: Redis):
    await log.record(events(*range(1, 6)), now_ms=NOW)
    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 5, gen, {})
    before = (await log.head()).log_bytes
    await redis.xtrim(log.keys.log, minid="4", approximate=False)

    await log.trim(1)

    assert (await log.head()).log_bytes == before // 5 * 2
