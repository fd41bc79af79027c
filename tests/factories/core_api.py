"""The core service for tests of its API: a process's parts on a fresh database, and clients with keys."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from core.api.app import create_app
from core.app.assemble import (
    access_of,
    dns_provider_of,
    oidc_of,
    outward_of,
    postman_of,
    seam_of,
    upstream_of,
)
from core.audit.chain import Chain
from core.config import CoreConfig
from core.dns.answers import Answer
from core.outward.watch import Watch
from core.paging.cursor import Cursors
from core.service.by import By
from core.service.core import Core
from core.service.errands import Errands
from core.service.idempotency import SqlIdempotency
from core.store.database import Database
from hub.access.audit import Actor
from hub.access.passwords import Passwords
from hub.access.principal import Grant, Principal
from hub.sdk.offload import Offload
from hub.store.client import Client
from tests.factories.core import FakeClock

__all__ = ["KEY", "OPERATOR_BY", "Api", "NoDns", "Said", "core", "make_core", "serve", "service_api"]

KEY = b"a key of the audit log, for tests only"
OPERATOR_BY = By(principal=Principal.operator("local", "local"), request_id="req_test", ip="127.0.0.1")
_MAKER = Actor(type="local", id="local", name="local")


class NoDns:
    """A resolver for which nothing exists; tests put answers in `known[(name, type)]`."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Answer] = {}

    async def lookup(self, name: str, rtype: str, /) -> Answer:
        return self.known.get((name.rstrip(".").lower(), rtype), Answer(state="absent"))


@dataclass(frozen=True, slots=True)
class Said:
    """An answer: `data` and `error` of its envelope."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return orjson.loads(self.raw)

    @property
    def data(self) -> Any:
        return self.body["data"]

    @property
    def error(self) -> Any:
        return self.body["error"]

    @property
    def pagination(self) -> Any:
        return self.body["meta"]["pagination"]


@dataclass(slots=True)
class Api:
    """The API on loopback: `key` makes one with given scopes; `call` asks with the full-admin key, or one."""

    core: Core
    client: TestClient
    admin: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    async def key(
        self, *scopes: str, domains: Sequence[str] = ("*",), tenant: str = "default", **more: Any
    ) -> str:
        _, text = await self.core.access.keyring.make(
            _MAKER, tenant=tenant, grants=[Grant.of(scopes, domains)], **more
        )
        return text

    async def call(
        self, method: str, path: str, json: Any = None, *, key: str | None = None, **more: Any
    ) -> Said:
        """`path` below `/api/v1` when it begins with a slash and names no other root."""
        headers = {"Authorization": f"Bearer {self.admin if key is None else key}"} if key != "" else {}
        headers.update(more.pop("headers", {}))
        where = path if path.startswith(("/api/", "/health", "/readyz", "/metrics")) else "/api/v1" + path
        body = {} if json is None else {"data": orjson.dumps(json)}
        async with self.client.request(method, where, headers=headers, **body, **more) as answer:
            return Said(answer.status, answer.headers, await answer.read())


async def make_core(
    database: Database, redis: Client, data: Path, stack: AsyncExitStack, **config: Any
) -> Core:
    """As `core.app.service` makes one, with a clock and a DNS of the tests and cheap passwords."""
    settings, clock = CoreConfig(**{"unknown_per_minute": 1_000_000, **config}), FakeClock()
    chain = Chain(KEY, node_id=settings.node, clock=clock, told=Watch(settings.node, clock))
    passwords = Passwords(log2_n=4, r=1, p=1)
    workers = Offload("core-test", 1)
    stack.callback(passwords.close)
    stack.callback(workers.close)
    async with database.begin() as tx:
        await chain.confirm(tx)
    errands = Errands()
    stack.push_async_callback(errands.close)
    return Core(
        config=settings,
        data=data,
        database=database,
        access=access_of(database, redis, chain, KEY, clock, passwords),
        chain=chain,
        cursors=Cursors(KEY),
        clock=clock,
        node_id=settings.node,
        resolver=NoDns(),
        workers=workers,
        idempotency=SqlIdempotency(database, KEY, node_id=settings.node, clock=clock),
        upstream=upstream_of(settings, database, clock, stack),
        seam=seam_of(settings, stack),
        outward=outward_of(settings, database, redis, chain, KEY, clock),
        dns_provider=dns_provider_of(settings, stack),
        oidc=oidc_of(settings, database, clock, stack),
        postman=postman_of(settings),
        errands=errands,
    )


@pytest.fixture
async def core(database: Database, buckets: Client, tmp_path: Path) -> AsyncIterator[Core]:
    """The service's parts on SQLite and on PostgreSQL."""
    async with AsyncExitStack() as stack:
        yield await make_core(database, buckets, tmp_path / "core", stack)


@pytest.fixture
async def service_api(core: Core) -> AsyncIterator[Api]:
    """The service's API with a full-admin key."""
    async with serve(core, create_app(core)) as api:
        yield api


def serve(core: Core, app: web.Application) -> "_Served":
    return _Served(core, app)


class _Served:
    def __init__(self, core: Core, app: web.Application) -> None:
        self._core, self._client = core, TestClient(TestServer(app))

    async def __aenter__(self) -> Api:
        await self._client.start_server()
        api = Api(self._core, self._client)
        api.admin = await api.key("full-admin", allow_key_admin=True)
        return api

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()
