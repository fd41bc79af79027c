"""Keys, people and buckets for a test."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hub.access.audit import Actor, Change
from hub.access.directory import Directory
from hub.access.keyring import Keyring
from hub.access.limiter import Limiter
from hub.access.migrations import REVISIONS
from hub.access.passwords import Passwords
from hub.access.principal import Grant
from hub.access.secret_text import Sealer
from hub.access.sessions import Sessions
from hub.access.sign_in import SignIn, Visitor
from hub.access.totp import SecondFactor
from hub.sql.database import Database, sqlite_url
from hub.store.client import Client
from tests.factories.valkey import start_valkey
from tests.servers.postgresql import PostgresProcess
from tests.servers.redis import RedisProcess

__all__ = [
    "ACTOR",
    "FULL",
    "PASSWORD",
    "READ",
    "SECRET",
    "VISITOR",
    "Clock",
    "Log",
    "People",
    "access",
    "access_database",
    "access_template",
    "access_template_postgresql",
    "access_url",
    "bucket_server",
    "buckets",
    "empty_url",
    "people",
]

ACTOR = Actor(type="local", id="local", name="local")
FULL = Grant.of(["full-admin"])
READ = Grant.of(["read-only"])
SECRET = b"0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse battery"
VISITOR = Visitor(ip="192.0.2.1", agent="curl/8")


def access_database(url: str) -> Database:
    """Keys and people alone, not open yet."""
    return Database(url, migrate=REVISIONS.upgrade)


class Clock:
    """Milliseconds that go on only when a test says so."""

    def __init__(self) -> None:
        self.now_ms = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_s(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


class Log:
    """Keeps what the audit log is told."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    async def __call__(self, tx, change: Change) -> None:
        self.changes.append(change)

    @property
    def actions(self) -> list[str]:
        return [change.action for change in self.changes]


class People:
    """Everything about people over one database, with cheap passwords."""

    def __init__(self, database: Database, redis: Client, log: Log, clock: Clock) -> None:
        common = {"audit": log, "clock_ms": clock}
        self.log, self.clock, self.database = log, clock, database
        self.passwords = Passwords(log2_n=4, r=1, p=1)
        self.directory = Directory(database, self.passwords, **common)
        self.second = SecondFactor(database, Sealer(SECRET), **common)
        self.sessions = Sessions(database, clock_ms=clock)
        self.keyring = Keyring(database, cache_s=0, **common)
        self.sign_in = SignIn(database, self.passwords, self.second, Limiter(redis), **common)

    async def person(self, login: str = "jo@example.com", **values):
        given = {"tenant": "acme", "login": login, "password": PASSWORD, **values}
        return await self.directory.make(ACTOR, **given)

    async def signed_in(self, login: str = "jo@example.com", visitor: Visitor = VISITOR):
        return await self.sign_in.by_password(login, PASSWORD, visitor)


def _migrate(url: str) -> str:
    async def once() -> None:
        async with access_database(url):
            pass

    with ThreadPoolExecutor(1) as thread:  # a loop of its own, whatever runs in this thread
        thread.submit(lambda: asyncio.run(once())).result()
    return url


@pytest.fixture(scope="session")
def access_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "access.sqlite3"
    _migrate(sqlite_url(path))
    return path


@pytest.fixture(scope="session")
def access_template_postgresql(postgresql_server: PostgresProcess) -> str:
    return _migrate(postgresql_server.create())


_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]
_BOTH = ["sqlite", pytest.param("postgresql", marks=_REAL)]


@pytest.fixture(params=_BOTH)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "access.sqlite3")
        return
    server: PostgresProcess = request.getfixturevalue("postgresql_server")
    url = server.create()
    yield url
    server.drop(url)


@pytest.fixture(params=_BOTH)
def access_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the newest schema: a copy of one that was migrated once."""
    if request.param == "sqlite":
        path = tmp_path / "access.sqlite3"
        shutil.copyfile(request.getfixturevalue("access_template"), path)
        yield sqlite_url(path)
        return
    server: PostgresProcess = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("access_template_postgresql"))
    yield url
    server.drop(url)


@pytest.fixture
async def access(access_url: str) -> AsyncIterator[Database]:
    """The database of keys and people: on SQLite, and on a real PostgreSQL."""
    async with access_database(access_url) as database:
        yield database


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[RedisProcess]:
    process = start_valkey()
    yield process
    process.stop()


@pytest.fixture
async def buckets(bucket_server: RedisProcess) -> AsyncIterator[Client]:
    """Where attempts are counted; that limits count alike on both servers is `test_limiter`'s."""
    client = Client.from_url(bucket_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def people(access: Database, buckets: Client) -> AsyncIterator[People]:
    made = People(access, buckets, Log(), Clock())
    yield made
    made.passwords.close()
