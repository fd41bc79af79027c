"""A copy of what the embedded server holds, taken by a forked child and laid down elsewhere."""

import os
import shutil

import pytest
from redis.asyncio import Redis

from hub.store.base import Unavailable
from hub.store.embedded import EmbeddedServer
from hub.store.embedded.errors import EmbeddedError
from hub.store.embedded.snapshot import Saver, base_file, lay_down
from tests.factories.embedded import fill, numbers

pytestmark = pytest.mark.server("valkey")


@pytest.fixture
async def server(tmp_path):
    async with EmbeddedServer(tmp_path / "data", tell=lambda status: None) as running:
        yield running


@pytest.fixture
async def saver(server):
    async with Saver(f"unix://{server.unix_socket}", server.data / "valkey") as asking:
        yield asking


async def slowly(server):
    """From now on a save takes minutes."""
    async with Redis(unix_socket_path=str(server.unix_socket)) as client:
        await client.config_set("rdb-key-save-delay", 100_000_000)


async def test_a_server_on_the_copy_has_what_was_there_and_keeps_what_comes(server, saver, tmp_path):
    await fill(server.unix_socket, range(50))
    assert await saver.begin()
    saved = await saver.finished()
    await fill(server.unix_socket, [99])
    shutil.copy(saved, base_file(tmp_path / "copy" / "valkey"))
    lay_down(tmp_path / "copy" / "valkey")

    for _ in range(2):
        async with EmbeddedServer(tmp_path / "copy", tell=lambda status: None) as copy:
            held = await numbers(copy.unix_socket)
            await fill(copy.unix_socket, [7])
    assert held == [*range(50), 7]


async def test_a_save_under_way_is_told_and_not_disturbed(server, saver):
    await fill(server.unix_socket, range(3))
    await slowly(server)

    assert await saver.begin()
    assert not await saver.begin()


async def test_a_save_that_is_given_up_leaves_no_file(server, saver):
    await fill(server.unix_socket, range(3))
    await slowly(server)
    await saver.begin()
    await saver.drop()

    assert [name for name in os.listdir(server.data / "valkey") if name.endswith(".rdb")] == []


async def test_a_save_that_fails_says_where_to_look(server, saver):
    await fill(server.unix_socket, range(3))
    assert await saver.begin()
    await saver.finished()
    saver.path.unlink()

    with pytest.raises(EmbeddedError, match=r"server\.log"):
        await saver.finished()


async def test_a_server_that_is_gone_is_unavailable(tmp_path):
    async with Saver(f"unix://{tmp_path}/none.sock", tmp_path) as saver:
        with pytest.raises(Unavailable):
            await saver.begin()
        with pytest.raises(Unavailable):
            await saver.free()
        await saver.drop()

        assert not saver.path.exists()
