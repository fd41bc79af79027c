"""Nothing of redis-py leaves the store, whatever happens to the server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis.asyncio.sentinel
import redis.cluster
from redis import exceptions as redis_errors
from redis.asyncio import Redis

from hub.store.base import CursorMove, Fate, Full, RolledBack, Stale, StoreError, Unavailable
from hub.store.errors import FOREIGN, WrongVersion, translate
from hub.store.log import RedisLog
from hub.store.state import State
from tests.factories.valkey import event, events, start_valkey
from tests.servers.redis import RedisProcess

NOW = 1_700_000_000_000
MODULES = (redis.cluster, redis.asyncio.sentinel)
"""They define error classes of their own: imported, so that the walk below sees them."""


def _tree(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _tree(child)


ALL = sorted(
    {kind for root in FOREIGN for kind in _tree(root) if kind.__module__.startswith("redis")}, key=str
)
PERMANENT = {"DataError", "InvalidResponse", "PubSubError", "ModuleError", "ResponseError", "NoScriptError"}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_of_the_client_becomes_one_of_ours(kind: type[BaseException]):
    error = kind.__new__(kind)
    error.args = ("something happened",)

    ours = translate(error)

    assert isinstance(ours, StoreError)
    assert isinstance(ours, Unavailable) is (kind.__name__ not in PERMANENT)


@pytest.mark.parametrize(
    "error",
    [ConnectionRefusedError(), TimeoutError(), asyncio.IncompleteReadError(b"", 4), BrokenPipeError()],
)
def test_every_error_of_the_socket_is_unavailable(error: BaseException):
    assert isinstance(error, FOREIGN)
    assert isinstance(translate(error), Unavailable)


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", Unavailable),
        ("MISCONF Errors writing to the AOF file", Unavailable),
        ("READONLY You can't write against a read only replica.", Unavailable),
        ("LOADING is loading the dataset in memory", Unavailable),
        ("BUSY is busy running a script", Unavailable),
        ("NOREPLICAS Not enough good replicas to write.", Unavailable),
        ("CLUSTERDOWN The cluster is down", Unavailable),
        ("STALE cursor", Stale),
        ("FULL 7", Full),
        ("BAD numbers", ValueError),
        ("ROLLED_BACK 2:3", RolledBack),
        ("VERSION 2", WrongVersion),
        ("WRONGTYPE Operation against a key", StoreError),
        ("ERR unknown command", StoreError),
    ],
)
def test_a_refusal_becomes_what_its_first_word_says(said: str, ours: type[Exception]):
    assert type(translate(redis_errors.ResponseError(said))) is ours


# -- a real server in trouble --------------------------------------------------------------------------------
@pytest.fixture
def own_server() -> Iterator[RedisProcess]:
    server = start_valkey()
    yield server
    server.stop()


@pytest.fixture
async def own_redis(own_server: RedisProcess) -> AsyncIterator[Redis]:
    client = Redis(unix_socket_path=str(own_server.socket))
    yield client
    await client.aclose()


async def _queued(log: RedisLog) -> None:
    await log.record(events(1, 2, 3), now_ms=NOW)
    gen = await log.publish("{}", ["a"], now_ms=NOW)
    await log.route(0, 2, gen, {"a": [1, 2]})


async def test_a_server_without_memory_takes_nothing_in_but_drains(own_redis: Redis):
    log = RedisLog(own_redis)
    await _queued(log)
    await own_redis.config_set("maxmemory", "1")

    with pytest.raises(Unavailable, match="OutOfMemory"):
        await log.record(events(4), CursorMove("mg/audit", None, "x"), now_ms=NOW)

    gen = (await log.table())[0]
    await log.route(2, 3, gen, {"a": [3]})
    refs = (await log.peek("a", 9, now_ms=NOW)).refs
    fates = [Fate("retry"), Fate("parked", "400"), Fate("delivered")]
    await log.settle("a", refs, fates, ["ab"] * 3, now_ms=NOW)
    await log.retried(
        "a", [(ref, Fate("delivered"), "ab") for ref in await log.due("a", 9, now_ms=NOW)], now_ms=NOW
    )
    await log.block("a", "503", NOW, now_ms=NOW)
    await log.unblock("a", now_ms=NOW)
    await log.unpark("a", [2], now_ms=NOW)
    await log.expire("a", 3, "expired")
    assert await log.trim(3) == 3
    (book,) = await log.books()
    assert (book.delivered, book.dropped, book.pending, book.balanced) == (2, 1, 0, True)


async def test_a_replica_is_unavailable_for_writing_and_readable(own_redis: Redis):
    log = RedisLog(own_redis)
    await _queued(log)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        await own_redis.replicaof("127.0.0.1", nobody.getsockname()[1])

        with pytest.raises(Unavailable, match="ReadOnly"):
            await log.record(events(4), now_ms=NOW)

        assert len(await log.books()) == 1
        await own_redis.replicaof("NO", "ONE")


async def test_a_server_that_went_away_is_unavailable_for_every_kind_of_call(
    own_server: RedisProcess, own_redis: Redis
):
    log, state = RedisLog(own_redis), State(own_redis)
    await _queued(log)
    own_server.kill()

    for call in (
        log.record([event(4)], now_ms=NOW),
        log.read(0, 10),
        log.cursor("mg/audit"),
        log.books(),
        state.take("b", 1, 1, 1, NOW),
        state.get("x"),
    ):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await call


async def test_a_server_that_was_never_there_is_unavailable(tmp_path: Path):
    client = Redis(unix_socket_path=str(tmp_path / "nobody"))

    with pytest.raises(Unavailable, match="cannot be reached"):
        await RedisLog(client).head()

    await client.aclose()
