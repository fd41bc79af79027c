"""What a process does that finds, on a new connection or by a refusal, that its log has less than it saw."""

import pytest
from redis.asyncio import Redis

from hub.store.base import RolledBack
from hub.store.client import Client
from hub.store.log import RedisLog
from hub.store.state import State
from tests.factories.log_rig import Rig
from tests.factories.rollbacks import go_back, refused, save
from tests.factories.valkey import events, start_valkey

NOW = 1_700_000_000_000


async def runs(log):
    raw = await log._redis.hget(log.keys.head, "runs")
    return [run.split(":") for run in (raw or b"").decode().split()]


async def lose(redis, log, *, to):
    """The log as if it had never had more than `to` events, behind connections that stay."""
    await redis.hset(log.keys.head, "seq", to)


async def test_every_connection_begins_with_the_comparison_and_the_others_wait_for_it(redis):
    log = RedisLog(redis)
    await log.record(events(1, 2, 3), now_ms=NOW)
    client = Client.from_url(redis_url(redis))
    late = RedisLog(client)
    client.greet = late.rejoin
    assert (await late.head()).seq == 3
    await client._line.hang_up()
    await lose(redis, log, to=1)

    with pytest.raises(RolledBack, match="went back to event 1 after event 3"):
        await late.record(events(4), now_ms=NOW)
    assert (await log._redis.hget(log.keys.head, "seq")) == b"1"
    await client.aclose()


def redis_url(redis):
    return f"unix://{redis.connection_pool.connection_kwargs['path']}"


async def test_from_then_on_the_log_is_out_of_reach_and_the_state_beside_it_is_not(redis):
    client = Client.from_url(redis_url(redis))
    log, state, told = RedisLog(client), State(client), []
    client.greet, log.tell_lost = log.rejoin, told.append
    await log.record(events(1, 2), now_ms=NOW)
    await client._line.hang_up()
    await lose(redis, log, to=1)
    assert await refused(log.head())
    await lose(redis, log, to=9)

    for verb in (log.head(), log.read(0, 9), log.books(), log.ready(NOW), log.peek("a", 1, now_ms=NOW)):
        assert await refused(verb)
    with pytest.raises(RolledBack):
        log.check()
    await state.count({"captured": 1})
    assert await state.counters() == {"captured": 1}
    assert len(told) == 1
    await client.aclose()


async def test_a_lost_connection_alone_changes_nothing(redis):
    client = Client.from_url(redis_url(redis))
    log = RedisLog(client)
    client.greet = log.rejoin
    await log.record(events(1, 2), now_ms=NOW)
    before = await runs(log)
    for n in range(3, 6):
        await client._line.hang_up()
        await log.record(events(n), now_ms=NOW)

    log.check()
    assert await runs(log) == before
    assert [run[0] for run in before] == ["1"]
    await client.aclose()


async def test_another_process_meets_a_mark_it_is_not_concerned_by_and_goes_on_once_it_is_accepted(redis):
    rig = Rig(redis)
    await rig.record([1, 2])
    saved = await save(rig)
    await rig.record([3])
    survivor = await go_back(rig, saved)
    assert await refused(survivor.record(events(9), now_ms=NOW))
    other = rig.log

    assert await refused(other.record(events(4), now_ms=NOW))
    other.check()
    assert "went back to event 2 after event 3" in (await other.head()).rolled_back
    assert "went back to event 2 after event 3" in await other.accept()
    assert await other.accept() == ""
    assert (await other.record(events(4), now_ms=NOW)).seq == 3
    assert await refused(survivor.record(events(9), now_ms=NOW))


async def test_a_server_that_comes_back_empty_is_refused_and_left_empty(redis):
    log = RedisLog(redis)
    await log.record(events(1, 2), now_ms=NOW)
    await redis.flushall()

    with pytest.raises(RolledBack, match="went back to event 0 after event 2"):
        await log.rejoin(redis)
    assert await redis.exists(log.keys.head) == 0


async def test_a_process_that_saw_nothing_finds_nothing_lost(redis):
    await redis.flushall()
    log = RedisLog(redis)

    await log.rejoin(redis)

    assert (await log.head()).seq == 0


async def test_only_the_last_runs_of_a_server_are_remembered(redis):
    log = RedisLog(redis)
    await log.open()
    text = " ".join(f"{n}:0dead{n % 10}:{n}" for n in range(1, 41))
    await redis.hset(log.keys.head, "runs", text)

    await RedisLog(redis).open()

    assert [int(run[0]) for run in await runs(log)] == list(range(26, 42))


async def test_a_server_that_does_not_say_which_run_it_is_is_compared_by_its_last_event():
    process = start_valkey()
    try:
        async with Redis.from_url(process.url) as owner:
            await owner.execute_command("ACL", "SETUSER", "shy", "on", ">pw", "~*", "&*", "+@all", "-info")
            client = Client.from_url(process.url, username="shy", password="pw")
            log = RedisLog(client)
            client.greet = log.rejoin
            await log.record(events(1, 2, 3), now_ms=NOW)
            assert await runs(log) == []
            await client._line.hang_up()
            await log.record(events(4), now_ms=NOW)
            await client._line.hang_up()
            await lose(owner, log, to=2)

            with pytest.raises(RolledBack):
                await log.head()
            await client.aclose()
    finally:
        process.stop()
