"""Buckets on a real Valkey and a real Redis 7."""

import asyncio
import sys
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.access.limiter import Limiter, LimiterDown
from hub.access.plans import PLANS, Limits, Window
from hub.store.client import Client
from tests.factories.access import Clock

MINUTE_MS = 60_000
ONE = Limits(per_minute=6, burst=2)


@pytest.fixture
def limiter(redis):
    return Limiter(redis)


async def spend(limiter, limits, times, now_ms, *, caller="k", tenant="t"):
    """How many of `times` were granted."""
    asked = [await limiter.spend(caller, limits, tenant=tenant, now_ms=now_ms) for _ in range(times)]
    return sum(one.granted for one in asked)


async def test_a_fresh_bucket_grants_its_burst_and_not_one_more(limiter):
    assert await spend(limiter, ONE, 20, 1_000_000) == 12


async def test_a_bucket_refills_steadily(limiter):
    await spend(limiter, ONE, 12, 1_000_000)

    assert await spend(limiter, ONE, 5, 1_009_999) == 0
    assert await spend(limiter, ONE, 5, 1_010_000) == 1


async def test_after_the_wait_that_it_names_a_request_is_granted(limiter):
    await spend(limiter, ONE, 12, 1_000_000)
    refused = await limiter.spend("k", ONE, tenant="t", now_ms=1_000_001)
    wait_ms = refused.standings[0].wait_ms

    assert not refused.granted
    assert not (await limiter.spend("k", ONE, tenant="t", now_ms=1_000_000 + wait_ms)).granted
    assert (await limiter.spend("k", ONE, tenant="t", now_ms=1_000_001 + wait_ms)).granted


async def test_a_request_that_one_window_refuses_takes_from_none(limiter):
    limits = Limits(per_minute=2, per_hour=100)
    for _ in range(10):
        await limiter.spend("k", limits, tenant="t", now_ms=1_000_000)

    later = await limiter.spend("k", limits, tenant="t", now_ms=1_000_000 + MINUTE_MS)

    assert [(one.window.name, one.remaining) for one in later.standings] == [("minute", 1), ("hour", 97)]


async def test_an_hour_lets_its_limit_pass_and_then_nothing_until_it_closes(limiter):
    limits = Limits(per_hour=5)

    assert await spend(limiter, limits, 9, 1_000_000) == 5
    assert await spend(limiter, limits, 9, 1_000_000 + 3_599_999) == 0
    assert await spend(limiter, limits, 9, 1_000_000 + 3_600_000) == 5


async def test_the_tightest_window_is_the_one_that_is_told(limiter):
    limits = PLANS["mxguard"]
    first = await limiter.spend("k", limits, tenant="t", now_ms=1_000_000)
    assert first.tightest.window.name == "minute"

    for round_ in range(10):
        await spend(limiter, limits, 60, 1_000_000 + round_ * MINUTE_MS)
    last = await limiter.spend("k", limits, tenant="t", now_ms=1_000_000 + 10 * MINUTE_MS)

    assert not last.granted
    assert last.tightest.window.name == "hour"
    assert last.retry_after_s == 3_000
    assert last.tightest.full_ms == 3_000_000


async def test_the_tenants_second_is_shared_by_its_keys_and_by_no_other_tenants(limiter):
    limits = PLANS["mailchannels"]

    assert await spend(limiter, limits, 60, 5_000, caller="a") == 60
    assert await spend(limiter, limits, 60, 5_000, caller="b") == 40
    assert await spend(limiter, limits, 60, 5_000, caller="a", tenant="other") == 60
    refused = await limiter.spend("a", limits, tenant="t", now_ms=5_000)
    assert refused.is_tenants


async def test_no_limits_need_no_server():
    nowhere = Client.from_url("unix:///nowhere/at/all")

    assert (await Limiter(nowhere).spend("k", Limits(), tenant="t")).granted
    await nowhere.aclose()


async def test_without_the_server_nothing_is_granted():
    nowhere = Client.from_url("unix:///nowhere/at/all")

    with pytest.raises(LimiterDown):
        await Limiter(nowhere).spend("k", ONE, tenant="t")
    await nowhere.aclose()


async def test_a_server_that_forgot_the_script_is_told_again(limiter, redis):
    await spend(limiter, ONE, 1, 1_000_000)
    await redis.execute_command("SCRIPT", "FLUSH")

    assert await spend(limiter, ONE, 20, 1_000_000) == 11


async def test_a_braced_tenant_stays_in_one_slot(limiter, redis):
    await limiter.spend("k", PLANS["mxguard"], tenant="a}b{c", now_ms=1)

    assert {key.partition(b"}")[0] for key in await redis.keys("*")} == {b"mxhub:{limit:a)b(c"}


async def test_the_servers_clock_is_used_unless_a_test_says_otherwise(limiter, redis):
    seconds, _ = await redis.time()

    budget = await limiter.spend("k", ONE, tenant="t")

    assert abs(budget.now_ms - seconds * 1000) < 60_000


async def test_a_clock_that_went_back_a_year_locks_nobody_out(limiter):
    year_ms = 365 * 86_400_000
    await spend(limiter, ONE, 12, 2 * year_ms)
    refused = await limiter.spend("k", ONE, tenant="t", now_ms=year_ms)

    assert not refused.granted
    assert refused.standings[0].wait_ms == 10_000
    assert (await limiter.spend("k", ONE, tenant="t", now_ms=year_ms + refused.standings[0].wait_ms)).granted


async def test_clients_with_different_clocks_do_not_refill_it_in_turn(limiter):
    granted = 0
    for turn in range(200):
        granted += await spend(limiter, ONE, 1, 1_000_000 + (30_000 if turn % 2 else 0))

    assert granted == 13  # the first, and the bucket that 30 s filled up again


async def test_several_clients_at_once_get_what_is_there_and_not_more(log_server, redis):
    clients = [Client.from_url(log_server.url) for _ in range(4)]
    try:
        calls = [
            Limiter(client).spend("k", Limits(per_minute=50, burst=2), tenant="t", now_ms=1_000)
            for client in clients
            for _ in range(60)
        ]
        granted = sum(one.granted for one in await asyncio.gather(*calls))
    finally:
        for client in clients:
            await client.aclose()

    assert granted == 100


@pytest.mark.parametrize("restarts", [3])
async def test_a_killed_server_that_comes_back_grants_nothing_twice(log_server_of_its_own, restarts):
    server, granted = log_server_of_its_own, 0
    limits = Limits(per_minute=30, per_day=40, burst=2)
    for _ in range(restarts):
        client = Client.from_url(server.url)
        granted += await spend(Limiter(client), limits, 15, 1_000_000)
        await client.aclose()
        server.kill()
        server.start()

    assert granted == 40


jumps = st.one_of(
    st.integers(0, 20_000), st.integers(-30_000, 30_000), st.sampled_from([10**9, -(10**9), 3_600_000])
)
rates = st.builds(
    Limits,
    per_minute=st.integers(1, 40),
    burst=st.integers(1, 10),
    per_hour=st.none() | st.integers(1, 60),
)


def allowed(limits, clock):
    """The most that the limits can grant over these readings of the clock.

    Every step forward counts, also one that makes up for a step back: the limiter grants less then, which
    the test of a wavering clock shows.
    """
    forward = sum(max(after - before, 0) for before, after in pairwise(clock))
    minute = limits.per_minute * limits.burst + forward * limits.per_minute / MINUTE_MS
    if limits.per_hour is None:
        return minute
    return min(minute, limits.per_hour * (1 + forward // 3_600_000))


@given(limits=rates, steps=st.lists(st.tuples(jumps, st.integers(1, 30)), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_never_grants_more_than_the_bucket_allows_whatever_the_clock_does(redis, limits, steps):
    await redis.flushall()
    limiter, now_ms, clock, granted = Limiter(redis), 10**10, [10**10], 0
    for jump, asked in steps:
        now_ms += jump
        clock.append(now_ms)
        granted += await spend(limiter, limits, asked, now_ms)

        assert granted <= allowed(limits, clock)


@given(steps=st.lists(st.tuples(st.integers(-60_000, 60_000), st.integers(1, 30)), min_size=1, max_size=15))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_clock_that_wavers_within_a_period_gives_only_its_highest_reading(redis, steps):
    await redis.flushall()
    limits, start, granted = Limits(per_minute=20, burst=2), 10**10, 0
    limiter, highest = Limiter(redis), start
    for offset, asked in steps:
        highest = max(highest, start + offset)
        granted += await spend(limiter, limits, asked, start + offset)

    assert granted <= 40 + (highest - start + 60_000) * 20 / MINUTE_MS


async def test_windows_of_no_plan_are_counted_too(limiter):
    clock = Clock()
    window = Window("sign-in", 3, 600_000)

    granted = [(await limiter.take([window], "jo", tenant="t", now_ms=clock())).granted for _ in range(5)]

    assert granted == [True, True, True, False, False]


SPENDER = """
import asyncio, sys
from hub.access.limiter import Limiter
from hub.access.plans import Limits
from hub.store.client import Client

async def main():
    client = Client.from_url(sys.argv[1])
    limiter, granted = Limiter(client), 0
    for _ in range(20):
        calls = [limiter.spend("k", Limits(per_hour=250), tenant="t") for _ in range(10)]
        granted += sum(one.granted for one in await asyncio.gather(*calls))
    await client.aclose()
    print(granted)

asyncio.run(main())
"""


async def test_several_processes_share_what_is_there(log_server, redis):
    command = [sys.executable, "-c", SPENDER, log_server.url]
    spenders = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(3)
    ]
    granted = [int((await one.communicate())[0]) for one in spenders]

    assert sum(granted) == 250
    assert [one.returncode for one in spenders] == [0, 0, 0]
