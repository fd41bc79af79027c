"""What left the log leaves the disk, once its file was written anew."""

import asyncio

import pytest
from redis.asyncio import Redis

from hub.store.rewriting import Rewriting
from tests.factories.valkey import start_valkey

pytestmark = pytest.mark.server("valkey")


@pytest.fixture
def server():
    process = start_valkey(appendonly="yes")
    yield process
    process.stop()


async def done(rewriting):
    said = []
    for _ in range(600):
        said.append(await rewriting.step())
        if not said[-1]:
            return said
        await asyncio.sleep(0.1)
    raise AssertionError(said)


def held(folder, text):
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_a_value_that_was_removed_is_on_the_disk_until_the_rewrite(server, tmp_path):
    async with Redis(unix_socket_path=str(server.socket)) as redis:
        folder = type(tmp_path)((await redis.config_get("dir"))["dir"])
        await redis.set("k", "secret-7fa1")
        await redis.delete("k")
        await redis.set("other", "stays-7fa1")
        before = held(folder, b"secret-7fa1")
        (saved := tmp_path / "saved").mkdir()
        (saved / "copy").write_text("secret-7fa1")

        said = await done(Rewriting(redis, saved))
        for _ in range(100):
            if not held(folder, b"secret-7fa1"):
                break
            await asyncio.sleep(0.1)

        assert before
        assert "being rewritten" in said[0]
        assert held(folder, b"secret-7fa1") == []
        assert held(folder, b"stays-7fa1")
        assert list(saved.iterdir()) == []


async def test_each_run_is_a_rewrite_of_its_own(server):
    async with Redis(unix_socket_path=str(server.socket)) as redis:
        rewriting = Rewriting(redis, None)
        first = await done(rewriting)
        second = await done(rewriting)

        assert len(first) > 1
        assert len(second) > 1


async def test_a_server_without_a_file_has_nothing_to_rewrite(redis):
    assert await Rewriting(redis, None).step() == ""
