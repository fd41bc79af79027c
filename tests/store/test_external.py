"""Which external servers are let in."""

import pytest
from redis.asyncio import Redis

from hub.store.base import Unavailable
from hub.store.external import TooWeak, check_external, public_url
from tests.servers.redis import RedisProcess


async def test_a_server_that_keeps_everything_is_let_in(any_redis: RedisProcess) -> None:
    found = await check_external(any_redis.url)

    assert found.name == ("valkey" if "valkey" in str(any_redis.binary) else "redis")
    assert found.weaker == ()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory-policy", "allkeys-lru")],
)
async def test_a_weaker_setting_is_refused_by_name_and_value(
    any_redis: RedisProcess, setting: str, value: str
) -> None:
    async with Redis.from_url(any_redis.url) as client:
        await client.config_set(setting, value)

    with pytest.raises(TooWeak, match=rf"{setting} is '{value}' and must be .*accept_weaker: true"):
        await check_external(any_redis.url)


async def test_a_weaker_server_is_let_in_when_told_and_says_what_is_weaker(any_redis: RedisProcess) -> None:
    async with Redis.from_url(any_redis.url) as client:
        await client.config_set("appendfsync", "everysec")

    found = await check_external(any_redis.url, accept_weaker=True)

    assert len(found.weaker) == 1
    assert "appendfsync" in found.weaker[0]


async def test_a_server_that_refuses_to_show_its_settings_says_so(any_redis: RedisProcess) -> None:
    async with Redis.from_url(any_redis.url) as client:
        await client.execute_command("ACL", "SETUSER", "guest", "on", ">secret", "~*", "+@all", "-config")
    url = any_redis.url.replace("unix://", "unix://guest:secret@")

    with pytest.raises(TooWeak, match="refuses CONFIG GET") as refused:
        await check_external(url)
    assert "secret" not in str(refused.value)


async def test_nobody_there_is_said_without_the_password() -> None:
    with pytest.raises(Unavailable, match=r"redis://127\.0\.0\.1:1/0") as refused:
        await check_external("redis://user:secret@127.0.0.1:1/0")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:p%40ss@host:6379/0?ssl=1", "redis://host:6379/0"),
        ("rediss://user:p@[::1]:6379", "rediss://[::1]:6379"),
        ("unix:///run/redis.sock?db=1&password=x", "unix:///run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert public_url(url) == shown
