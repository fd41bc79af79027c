"""A log on a real server for a test: one server a session, emptied for each test."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from hub.model.event import Event, Header
from hub.store.client import Client
from hub.store.log import RedisLog
from hub.store.state import State
from tests.servers.fixtures import valkey_binary
from tests.servers.redis import RedisProcess, redis_binary

__all__ = [
    "event",
    "events",
    "log",
    "log_server",
    "log_server_of_its_own",
    "redis",
    "start_valkey",
    "state",
    "uid",
    "valkey",
]


def start_valkey(**settings: str) -> RedisProcess:
    """The embedded default's server on a socket of its own, without the waiting for a disk."""
    process = RedisProcess(valkey_binary(), **{"appendonly": "no", **settings})
    process.start()
    return process


@asynccontextmanager
async def valkey() -> AsyncIterator[Client]:
    """A client of a server of its own."""
    process = start_valkey()
    try:
        async with Client.from_url(process.url) as client:
            yield client
    finally:
        process.stop()


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("valkey", marks=pytest.mark.server("valkey")),
        pytest.param("redis-7", marks=[pytest.mark.server("redis-7"), pytest.mark.integration]),
    ],
)
def log_server(request: pytest.FixtureRequest) -> Iterator[RedisProcess]:
    """The same tests on the embedded default's server and on Redis 7."""
    binary = valkey_binary() if request.param == "valkey" else redis_binary()
    assert binary is not None, "the server mark skips where there is none"
    process = RedisProcess(binary, appendonly="no")
    process.start()
    yield process
    process.stop()


@pytest.fixture
def log_server_of_its_own(log_server: RedisProcess) -> Iterator[RedisProcess]:
    """Another of the same kind, with a log on the disk, for a test that kills or locks it."""
    process = RedisProcess(log_server.binary)
    process.start()
    yield process
    process.stop()


@pytest.fixture
async def redis(log_server: RedisProcess) -> AsyncIterator[Client]:
    """A client of an empty server."""
    client = Client.from_url(log_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def log(redis: Client) -> RedisLog:
    return RedisLog(redis)


@pytest.fixture
def state(redis: Client) -> State:
    return State(redis)


def uid(n: int) -> bytes:
    return n.to_bytes(16, "big")


def event(n: int, *, body: bytes = b"{}") -> Event:
    """Event number `n`: its uid says so."""
    header = Header(
        "acme", "mg", 2004, "quarantine.added", 3, "example.org", 1_700_000_000_000 + n, 1_700_000_000_500
    )
    return Event(uid(n), header, body)


def events(*numbers: int) -> list[Event]:
    return [event(n) for n in numbers]
