"""The state's version on the server."""

from contextlib import suppress

import pytest
from redis.asyncio import Redis

from hub.store.errors import WrongVersion
from hub.store.keys import PartitionKeys
from hub.store.log import RedisLog
from hub.store.scripts import STATE_VERSION, Scripts
from hub.store.versions import MIGRATIONS, open_partition
from tests.factories.valkey import events

NOW = 1_700_000_000_000


async def test_a_new_partition_starts_at_this_version(log: RedisLog, redis: Redis):
    await log.open()

    assert await redis.hget(log.keys.head, "version") == str(STATE_VERSION).encode()


async def test_opening_again_keeps_everything(log: RedisLog, redis: Redis):
    await log.record(events(1), now_ms=NOW)

    await RedisLog(redis).open()

    assert (await log.head()).seq == 1


async def test_a_newer_state_is_refused_and_says_what_to_do(log: RedisLog, redis: Redis):
    await log.open()
    await redis.hset(log.keys.head, "version", STATE_VERSION + 1)

    with pytest.raises(WrongVersion, match=f"version {STATE_VERSION + 1}.*run the newer mxhub"):
        await RedisLog(redis).open()


async def test_a_process_that_was_overtaken_by_a_migration_cannot_write(log: RedisLog, redis: Redis):
    await log.record(events(1), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await redis.hset(log.keys.head, "version", STATE_VERSION + 1)

    for call in (
        log.record(events(2), now_ms=NOW),
        log.route(0, 1, gen, {}),
        log.publish("{}", ["b"], now_ms=NOW),
        log.add("b", now_ms=NOW),
    ):
        with pytest.raises(WrongVersion, match="restart this process"):
            await call


async def test_an_emptied_server_takes_nothing_in_from_a_running_process(log: RedisLog, redis: Redis):
    await log.record(events(1), now_ms=NOW)
    await redis.flushall()

    with pytest.raises(WrongVersion, match="version none"):
        await log.record(events(2), now_ms=NOW)


async def test_an_older_state_is_migrated_step_by_step(redis: Redis):
    keys, done = PartitionKeys(0), []
    await redis.hset(keys.head, mapping={"version": 1, "seq": 7})

    async def rename_seq(client: Redis, its: PartitionKeys) -> None:
        done.append(1)
        await client.hset(its.head, "last", await client.hget(its.head, "seq"))

    async def note(client: Redis, its: PartitionKeys) -> None:
        done.append(2)

    await open_partition(redis, keys, Scripts(), version=3, migrations={1: rename_seq, 2: note})
    await open_partition(redis, keys, Scripts(), version=3, migrations={1: rename_seq, 2: note})

    assert done == [1, 2]
    assert await redis.hmget(keys.head, "version", "last") == [b"3", b"7"]


async def test_a_state_that_nothing_leads_away_from_is_refused(redis: Redis):
    keys = PartitionKeys(0)
    await redis.hset(keys.head, "version", 1)

    with pytest.raises(WrongVersion, match="no way from there to 2"):
        await open_partition(redis, keys, Scripts(), version=2, migrations={})


def test_every_older_version_has_its_migration():
    assert set(MIGRATIONS) == set(range(1, STATE_VERSION))


async def test_a_migration_that_was_killed_is_run_again_and_the_ones_before_it_are_not(redis: Redis):
    keys, done = PartitionKeys(0), []
    await redis.hset(keys.head, mapping={"version": 1})

    async def first(client: Redis, its: PartitionKeys) -> None:
        done.append(1)

    async def second(client: Redis, its: PartitionKeys) -> None:
        done.append(2)
        if done.count(2) == 1:
            raise KeyboardInterrupt

    for _ in range(2):
        with suppress(KeyboardInterrupt):
            await open_partition(redis, keys, Scripts(), version=3, migrations={1: first, 2: second})

    assert done == [1, 2, 2]
    assert await redis.hget(keys.head, "version") == b"3"
