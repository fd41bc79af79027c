"""One service for all tests of a module, on SQLite and on PostgreSQL; each test has a tenant of its own."""

import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp.test_utils import TestClient as AnyClient
from redis.asyncio import Redis
from sqlalchemy import select

from core.service.core import Core
from core.store.database import Database, sqlite_url
from core.store.tables import audit_entries
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from tests.factories.core_api import Said, make_core
from tests.factories.hosting import LOOPBACK, add_domain

__all__ = ["Client", "Place", "settle", "shared_core", "shared_url"]

Client = AnyClient[Any, Any]
_MAKER = Actor(type="local", id="local", name="local")
_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]
_numbers = count(1)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=_REAL)])
def shared_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the module's store."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("shared") / "core.sqlite3"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        path.chmod(0o600)
        yield sqlite_url(path)
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create(template=request.getfixturevalue("postgresql_template"))
    yield url
    server.drop(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_core(
    shared_url: str, bucket_server: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Core]:
    """The module's service; it may send into loopback."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(shared_url))
        redis = Redis.from_url(bucket_server.url)
        stack.push_async_callback(redis.aclose)
        folder = tmp_path_factory.mktemp("core")
        yield await make_core(database, redis, folder, stack, allow_networks=LOOPBACK)


@dataclass(frozen=True, slots=True)
class Place:
    """A tenant with a domain on the listener of a dialect; `admin` is a key that may do everything."""

    core: Core
    client: Client
    style: str
    tenant: str
    domain: str
    admin: str = ""

    async def call(
        self, method: str, path: str, json: Any = None, *, key: str | None = None, **more: Any
    ) -> Said:
        """By the admin's key unless another, or an empty one, is given."""
        headers = {} if key == "" else {"Authorization": f"Bearer {self.admin if key is None else key}"}
        headers |= more.pop("headers", {})
        more = {"allow_redirects": False, **({} if json is None else {"data": orjson.dumps(json)}), **more}
        async with self.client.request(method, path, headers=headers, **more) as answer:
            return Said(answer.status, answer.headers, await answer.read())

    async def key(
        self, *scopes: str, domains: Sequence[str] = ("*",), label: str = "script", **more: Any
    ) -> str:
        """Another key in the vendor's form."""
        _, text = await self.core.access.keyring.make(
            _MAKER,
            tenant=self.tenant,
            grants=[Grant.of(scopes or ("full-admin",), domains)],
            description=label,
            style=STYLES[self.style],
            **more,
        )
        return text

    async def add(self, suffix: str) -> str:
        """One more domain of the tenant."""
        name = f"{suffix}.{self.domain}"
        await add_domain(self.core, name, self.tenant)
        return name

    async def entries(self, action: str = "") -> list[dict[str, Any]]:
        """The tenant's audit entries in their order, those of one action if it is named."""
        wanted = select(audit_entries).where(audit_entries.c.tenant == self.tenant)
        async with self.core.database.read() as tx:
            rows = (await tx.execute(wanted.order_by(audit_entries.c.seq))).mappings().all()
        return [dict(row) for row in rows if action in ("", row["action"])]


async def settle(core: Core, client: Client, style: str, **limits: Any) -> Place:
    """A new tenant there; limits of the admin's key that bear a suite."""
    number = next(_numbers)
    place = Place(core, client, style, f"tenant-{number}", f"d{number}.example")
    await add_domain(core, place.domain, place.tenant)
    given = limits or {"limits": {"per_minute": 100_000}}
    return Place(core, client, style, place.tenant, place.domain, await place.key(**given))
