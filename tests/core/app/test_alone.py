"""Two processes of one name do not share a database: each would take up what the other has in hand."""

import asyncio
import os

import aiohttp
import pytest

from core.app import alone as module
from core.app.alone import alone
from core.app.service import CoreService
from core.config import CoreConfig
from core.store.database import Database, InUse

pytestmark = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture
def url(postgresql_server, postgresql_template):
    made = postgresql_server.create(template=postgresql_template)
    yield made
    postgresql_server.drop(made)


async def test_a_second_process_of_the_same_name_does_not_start(tmp_path, buckets, url, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", 0.0)

    def service(folder, node):
        config = CoreConfig(listen="127.0.0.1:0", node=node, database_url=url)
        environ = {"MXHUB_AUDIT_KEY": "a key that all processes were given"}
        return CoreService(config, tmp_path / folder, buckets, environ=environ)

    async with service("a", "node-1"):
        with pytest.raises(InUse, match="calls itself node-1"):
            async with service("b", "node-1"):
                pass
        async with service("c", "node-2") as other:
            assert other.url
    async with service("b", "node-1") as next_one:
        assert next_one.url


@pytest.mark.parametrize("shared", [True, False], ids=["postgresql", "sqlite"])
async def test_a_second_process_on_the_same_folder_is_told_whose_it_is(tmp_path, buckets, url, shared):
    def service(node):
        config = CoreConfig(listen="127.0.0.1:0", node=node, database_url=url if shared else None)
        return CoreService(config, tmp_path / "core", buckets, environ={})

    async with service("node-1") as first:
        with pytest.raises(
            InUse, match=rf"{tmp_path / 'core'} is in use by another process \({os.getpid()}\)"
        ):
            await service("node-2").__aenter__()
        assert await answers(first)
    async with service("node-2") as next_one:
        assert await answers(next_one)


async def answers(service):
    async with aiohttp.ClientSession() as session, session.get(f"{service.url}/health") as answer:
        return answer.status == 200


async def test_a_name_is_waited_for_while_the_process_before_it_ends(url):
    async with Database(url) as database:
        first = alone(database, "node-1")
        await first.__aenter__()
        second = alone(database, "node-1", patience_s=60)
        async with asyncio.TaskGroup() as group:
            started = group.create_task(second.__aenter__())
            await asyncio.sleep(0.1)
            assert not started.done()
            await first.__aexit__(None, None, None)
        await second.__aexit__(None, None, None)
        assert started.done()
