"""The core as a process of its own, to be killed, and its database as an onlooker reads it."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

__all__ = ["TOKEN", "CoreProcess", "core_database", "rows"]

TOKEN = "the-admin-token-of-the-tests"
_ROOT = Path(__file__).resolve().parents[2]
_CHILD = """
import asyncio, sys
from pathlib import Path
from hub.store.client import Client
from core.app.service import CoreService
from core.config import CoreConfig

async def main():
    data, redis, dns, token, database = sys.argv[1:]
    config = CoreConfig(
        listen="127.0.0.1:0",
        allow_networks=("127.0.0.0/8",),
        name_servers=(dns,),
        database_url=database or None,
    )
    client = Client.from_url(redis)
    async with CoreService(config, Path(data), client, environ={}, admin_token=lambda: token) as service:
        Path(data).with_suffix(".url").write_text(service.url)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


class CoreProcess:
    """`async with CoreProcess(data, redis_url, dns_address) as core`: answers at `core.url`.

    Its database is `core.sqlite3` in `data`, or the PostgreSQL of that URL.
    """

    def __init__(self, data: Path, redis: str, dns: str, database: str = "") -> None:
        self.data = data
        self.url = ""
        self._arguments = (str(data), redis, dns, TOKEN, database)
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        said, told = self.data.with_suffix(".said"), self.data.with_suffix(".url")
        told.unlink(missing_ok=True)
        with said.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                _CHILD,
                *self._arguments,
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdout=output,
                stderr=output,
            )
        async with asyncio.timeout(60):
            while not self.url:
                assert self.is_alive, f"it did not start:\n{said.read_text()[-4000:]}"
                await asyncio.sleep(0.02)
                self.url = told.read_text() if told.exists() else ""
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        assert self._process is not None
        await self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def kill(self) -> None:
        """`kill -9`; one that is dead already is left alone."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)


async def rows(data: Path, database: str, query: str) -> list[tuple[Any, ...]]:
    """What the database of such a process holds, whether one runs or not."""
    url = database or f"sqlite+aiosqlite:///file:{data / 'core.sqlite3'}?mode=ro&uri=true&timeout=30"
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(query))]
    finally:
        await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server("postgresql-15"))])
def core_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database on a real PostgreSQL, or nothing: then the core keeps to SQLite."""
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create()
    yield url
    server.drop(url)
