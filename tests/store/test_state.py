"""Source status, counters, schedule, buckets, documents on a real server."""

import asyncio

import pytest
from redis.asyncio import Redis

from hub.store.state import SourceStatus, State

NOW = 1_700_000_000_000


# -- sources -------------------------------------------------------------------------------------------------
async def test_counts_add_up_and_the_rest_is_replaced(state: State):
    await state.touch_sources({"mg": {"accepted": 3, "duplicate": 1, "last_event_ms": NOW, "state": "ok"}})
    later = {"accepted": 2, "errors": 1, "last_event_ms": NOW + 1, "reason": "401 ü"}
    await state.touch_sources({"mg": later})

    assert await state.sources() == [
        SourceStatus(
            name="mg", accepted=5, duplicate=1, errors=1, last_event_ms=NOW + 1, state="ok", reason="401 ü"
        )
    ]


async def test_many_sources_are_touched_in_one_go_and_listed_by_name(state: State):
    await state.touch_sources({"b": {"accepted": 1}, "a": {"last_poll_ms": NOW}, "c": {}})

    assert [source.name for source in await state.sources()] == ["a", "b", "c"]


async def test_an_unknown_field_of_a_source_is_refused(state: State):
    with pytest.raises(ValueError, match="no field 'acepted'"):
        await state.touch_sources({"mg": {"acepted": 1}})
    assert await state.sources() == []


async def test_a_forgotten_source_leaves_nothing(state: State, redis: Redis):
    await state.touch_sources({"mg": {"accepted": 1}})
    await state.forget_source("mg")

    assert await state.sources() == []
    assert await redis.dbsize() == 0


# -- counters ------------------------------------------------------------------------------------------------
async def test_counters_add_up(state: State):
    await state.count({"accepted": 2, "refused:401": 1, "none": 0})
    await state.count({"accepted": 5})
    await state.count({})

    assert await state.counters() == {"accepted": 7, "refused:401": 1}


# -- the schedule --------------------------------------------------------------------------------------------
async def test_what_is_due_is_claimed_earliest_first(state: State):
    for stream, due_ms in (("c", 30), ("a", 20), ("b", 10), ("later", 99)):
        await state.schedule(stream, NOW + due_ms)

    assert await state.claim(NOW + 50, 2, 1_000) == ["b", "a"]
    assert await state.claim(NOW + 50, 9, 1_000) == ["c"]
    assert await state.claim(NOW + 50, 9, 1_000) == []


async def test_a_claim_that_runs_out_is_claimed_again(state: State):
    await state.schedule("a", NOW)
    await state.claim(NOW, 1, 1_000)

    assert await state.claim(NOW + 999, 1, 1_000) == []
    assert await state.claim(NOW + 1_000, 1, 1_000) == ["a"]


async def test_many_workers_never_claim_one_stream_at_once(state: State):
    for n in range(50):
        await state.schedule(f"s{n}", NOW)

    claims = await asyncio.gather(*(state.claim(NOW, 7, 60_000) for _ in range(20)))

    claimed = [stream for claim in claims for stream in claim]
    assert sorted(claimed) == sorted({f"s{n}" for n in range(50)})


async def test_scheduling_ends_a_claim(state: State):
    await state.schedule("a", NOW)
    await state.claim(NOW, 1, 60_000)
    await state.schedule("a", NOW + 5)

    assert await state.schedule_all() == {"a": NOW + 5}


async def test_a_stream_that_was_taken_off_is_never_due(state: State):
    await state.schedule("a", NOW)
    await state.unschedule("a")

    assert await state.claim(NOW, 1, 60_000) == []
    assert await state.schedule_all() == {}


# -- buckets -------------------------------------------------------------------------------------------------
async def test_a_bucket_gives_its_burst_and_then_its_rate(state: State):
    burst = [await state.take("b", 10, 3, 1, NOW) for _ in range(4)]
    later = [await state.take("b", 10, 3, 1, NOW + at) for at in (99, 100, 101, 200)]

    assert burst == [0, 0, 0, 100]
    assert later == [1, 0, 99, 0]


async def test_what_does_not_fit_takes_nothing(state: State):
    await state.take("b", 1, 5, 3, NOW)

    assert await state.take("b", 1, 5, 4, NOW) == 2_000
    assert await state.take("b", 1, 5, 2, NOW) == 0


async def test_more_than_the_burst_is_taken_from_a_full_bucket_as_a_debt(state: State):
    assert await state.take("b", 10, 5, 20, NOW) == 0
    assert await state.take("b", 10, 5, 1, NOW) == 1_600
    assert await state.take("b", 10, 5, 1, NOW + 1_600) == 0


async def test_a_slow_rate_is_exact(state: State):
    await state.take("b", 0.01, 1, 1, NOW)

    assert await state.take("b", 0.01, 1, 1, NOW) == 100_000
    assert await state.take("b", 0.01, 1, 1, NOW + 100_000) == 0


async def test_a_wall_clock_that_was_set_back_gives_nothing_away(state: State):
    await state.take("b", 10, 1, 1, NOW)

    assert await state.take("b", 10, 1, 1, NOW - 60_000) == 100


async def test_a_hold_is_shared_and_the_longest_counts(state: State):
    await state.hold("b", NOW + 5_000)
    await state.hold("b", NOW + 2_000)

    assert await state.take("b", 10, 5, 1, NOW) == 5_000
    assert await state.take("b", 10, 5, 1, NOW + 5_000) == 0
    assert await state.take("b", 10, 5, 1, NOW + 5_000) == 0


async def test_a_bucket_that_is_full_again_is_forgotten(state: State, redis: Redis):
    await state.take("b", 10, 5, 5, NOW)

    assert 1_000 < await redis.pttl(state.keys.bucket("b")) <= 1_500


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1), (0.0001, 1)])
async def test_a_bucket_without_a_rate_or_burst_is_refused(state: State, rate: float, burst: float):
    with pytest.raises(ValueError, match="rate and burst"):
        await state.take("b", rate, burst, 1, NOW)


# -- documents -----------------------------------------------------------------------------------------------
async def test_documents_are_kept_listed_and_deleted(state: State):
    await state.put("replay/b", '{"x":"ü"}')
    await state.put("replay/a", "{}")
    await state.put("capture/a", "{}")

    assert await state.list("replay/") == ["replay/a", "replay/b"]
    assert await state.get("replay/b") == '{"x":"ü"}'
    await state.delete("replay/b")
    assert await state.get("replay/b") is None
    assert await state.list("") == ["capture/a", "replay/a"]


async def test_a_document_goes_when_its_time_is_over(state: State, redis: Redis):
    await state.put("a", "{}", ttl_ms=20)
    before = await state.list("")
    await asyncio.sleep(0.05)

    assert before == ["a"]
    assert await state.list("") == []
    assert await redis.dbsize() == 0


async def test_putting_again_ends_an_earlier_time_to_live(state: State, redis: Redis):
    await state.put("a", "{}", ttl_ms=60_000)
    await state.put("a", "{}")

    assert await redis.pttl(state.keys.document("a")) == -1
