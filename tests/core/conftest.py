"""A fresh store for each test: a copy of one that was migrated once, on SQLite and on a real PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.database import Database, sqlite_url
from tests.factories.access import bucket_server, buckets
from tests.factories.core import open_store
from tests.factories.core_api import core, service_api
from tests.servers.postgresql import PostgresProcess

__all__ = ["bucket_server", "buckets", "core", "core_url", "database", "service_api", "tx"]


def migrate(url: str) -> None:
    async def once() -> None:
        async with Database(url):
            pass

    with ThreadPoolExecutor(1) as thread:  # a loop of its own, whatever runs in this thread
        thread.submit(lambda: asyncio.run(once())).result()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "core.sqlite3"
    migrate(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresProcess) -> str:
    url = postgresql_server.create()
    migrate(url)
    return url


_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=_REAL)])
def core_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh store."""
    if request.param == "sqlite":
        path = tmp_path / "core.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        path.chmod(0o600)
        yield sqlite_url(path)
        return
    server: PostgresProcess = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("postgresql_template"))
    yield url
    server.drop(url)


@pytest.fixture
async def database(core_url: str) -> AsyncIterator[Database]:
    """An open store."""
    async with Database(core_url) as database:
        yield database


@pytest.fixture
async def tx(core_url: str) -> AsyncIterator[AsyncConnection]:
    """A transaction on a store with one present node."""
    async with open_store(core_url) as tx:
        yield tx
