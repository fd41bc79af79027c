"""Keys, people and buckets for a test."""

from collections.abc import AsyncIterator

import pytest

from hub.access.audit import Actor, Change
from hub.access.database import access_database
from hub.access.directory import Directory
from hub.access.keyring import Keyring
from hub.access.limiter import Limiter
from hub.access.passwords import Passwords
from hub.access.principal import Grant
from hub.access.secret_text import Sealer
from hub.access.sessions import Sessions
from hub.access.sign_in import SignIn, Visitor
from hub.access.totp import SecondFactor
from hub.sql.database import Database
from hub.store.client import Client

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
    "people",
]

ACTOR = Actor(type="local", id="local", name="local")
FULL = Grant.of(["full-admin"])
READ = Grant.of(["read-only"])
SECRET = b"0123456789abcdef0123456789abcdef"
PASSWORD = "correct horse battery"
VISITOR = Visitor(ip="192.0.2.1", agent="curl/8")


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


@pytest.fixture
async def access(any_database: str) -> AsyncIterator[Database]:
    """The database of keys and people: on SQLite, and on a real PostgreSQL."""
    async with access_database(any_database) as database:
        yield database


@pytest.fixture
async def people(access: Database, redis: Client) -> AsyncIterator[People]:
    made = People(access, redis, Log(), Clock())
    yield made
    made.passwords.close()
