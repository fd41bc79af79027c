"""The scripts as files, and how they reach the server."""

import re

import pytest
from redis.asyncio import Redis

from hub.store.base import StoreError
from hub.store.log import RedisLog
from hub.store.scripts import Scripts, script_sources
from tests.factories.valkey import events

NOW = 1_700_000_000_000
ALL = sorted(script_sources())


@pytest.mark.parametrize("name", ALL)
def test_every_script_but_record_runs_on_a_full_server(name: str):
    shebang = script_sources()[name].split("\n")[0]

    assert (
        shebang == "#!lua"
        if name == "record"
        else re.fullmatch(r"#!lua flags=(no-writes,)?allow-oom", shebang)
    )


@pytest.mark.parametrize("name", ALL)
def test_every_script_opens_with_its_signature_and_keys(name: str):
    text = script_sources()[name]

    assert re.search(rf"^-- {name}\(.*$", text, re.MULTILINE)
    assert re.search(r"^-- KEYS \w", text, re.MULTILINE)


@pytest.mark.parametrize("name", ALL)
def test_a_script_that_writes_nothing_says_so(name: str):
    shebang, body = script_sources()[name].split("\n", 1)
    writes = re.search(r"'(XADD|XTRIM|H?SET|HDEL|HINCRBY|Z(ADD|REM)|RPUSH|LPOP|UNLINK|DEL|SREM)'", body)

    assert bool(writes) is ("no-writes" not in shebang)


@pytest.mark.parametrize("name", ALL)
async def test_every_script_is_taken_by_the_server(redis: Redis, name: str):
    assert await redis.script_load(script_sources()[name])


async def test_a_script_that_the_server_forgot_is_sent_again(log: RedisLog, redis: Redis):
    await log.record(events(1), now_ms=NOW)
    await redis.script_flush()

    assert (await log.record(events(2), now_ms=NOW)).seq == 2


async def test_a_text_that_is_given_replaces_the_own_one(redis: Redis):
    log = RedisLog(redis, scripts=Scripts({"head": "#!lua\nreturn redis.error_reply('ERR replaced')"}))

    with pytest.raises(StoreError, match="replaced"):
        await log.head()


async def test_each_script_refuses_a_bad_number_before_it_writes(log: RedisLog, redis: Redis):
    await log.record(events(1, 2), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await log.route(0, 1, gen, {"a": [1]})
    before = await _dump(redis)
    row = (*log.keys.row_keys("a"), log.keys.log)

    for bad in ("", "-1", "1.5", "nan", "inf", "0x10", "1e3", " 1", "9007199254740992", "a"):
        for script, keys, args in (
            ("peek", row, ("a", NOW, bad)),
            ("peek", row, ("a", bad, 5)),
            ("due", row, ("a", bad, 5)),
            ("settle", row, ("a", bad, "1", "d")),
            ("settle", row, ("a", NOW, "1", "r", bad, "why", "ab")),
            ("retried", row, ("a", NOW, "1", bad, 0, "d", 0, "", "")),
            ("block", row, ("a", NOW, bad, "why")),
            ("unblock", row, ("a", bad)),
            ("pause", row, ("a", bad)),
            ("unpark", row, ("a", NOW, 1, bad)),
            ("drop", row, ("a", "operator", 1, bad)),
            ("expire", row, ("a", bad, 5, "expired")),
            ("trim", (log.keys.head, log.keys.log), (bad, 5)),
            ("route", (log.keys.head, log.keys.ready, *row[1:3]), (1, 2, gen, "a", 1, bad)),
            ("acquire", (log.keys.lease("a"),), ("me", bad)),
        ):
            with pytest.raises(ValueError, match="refused by the log"):
                await log._scripts.run(redis, script, keys, args)

    assert await _dump(redis) == before


async def _dump(redis: Redis) -> dict[bytes, bytes]:
    return {key: await redis.dump(key) async for key in redis.scan_iter()}
