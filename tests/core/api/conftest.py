"""One service for all questions of a module."""

import shutil
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from core.api.app import create_app
from core.store.database import Database, sqlite_url
from tests.core.api.every import Every
from tests.factories.core_api import make_core, serve

_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=_REAL)])
def every_url(request, tmp_path_factory):
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("every") / "core.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        path.chmod(0o600)
        yield sqlite_url(path)
        return
    server = request.getfixturevalue("postgresql_server")
    made = server.create(template=request.getfixturevalue("postgresql_template"))
    yield made
    server.drop(made)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def every(every_url, bucket_server, tmp_path_factory):
    """One service for all questions; each brings its own tenant, things and keys."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(every_url))
        redis = Redis.from_url(bucket_server.url)
        stack.push_async_callback(redis.aclose)
        core = await make_core(database, redis, tmp_path_factory.mktemp("core"), stack)
        every = Every(await stack.enter_async_context(serve(core, create_app(core))))
        every.api.admin = await every.key("full-admin", tenant="default")
        yield every
