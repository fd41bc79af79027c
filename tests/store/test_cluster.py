"""On a server in Cluster mode every script must stay within the slot of the keys that it declares."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from hub.store.state import State
from tests.factories.valkey import start_valkey
from tests.servers.redis import RedisProcess
from tests.store.test_protocol_model import explore

pytestmark = pytest.mark.slow


def _free_ports() -> tuple[str, str]:
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1]), str(two.getsockname()[1])


async def _take_all_slots(path: str) -> None:
    client = Redis(unix_socket_path=path)
    await client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    while b"cluster_state:ok" not in await client.execute_command("CLUSTER", "INFO"):
        await asyncio.sleep(0.02)
    await client.aclose()


@pytest.fixture(scope="module")
def node() -> Iterator[RedisProcess]:
    port, bus = _free_ports()
    server = start_valkey(
        **{"cluster-enabled": "yes", "bind": "127.0.0.1", "port": port, "cluster-port": bus}
    )
    asyncio.run(_take_all_slots(str(server.socket)))
    yield server
    server.stop()


def test_the_log_works_in_cluster_mode(node: RedisProcess):
    explore(str(node.socket), examples=15, steps=40)


async def test_the_state_works_in_cluster_mode(node: RedisProcess):
    client = Redis(unix_socket_path=str(node.socket))
    state = State(client)
    await state.touch_sources({"a": {"accepted": 1}, "b": {"accepted": 2}})
    await state.put("x/1", "{}")

    assert [source.accepted for source in await state.sources()] == [1, 2]
    assert await state.list("x/") == ["x/1"]
    await client.aclose()
