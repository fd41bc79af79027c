"""MailGuard over a service in which nothing was done yet; for the dialects that share a service, a tenant for
each test.
"""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from redis.asyncio import Redis

from core.app.listeners import listen
from core.dialects.dialect import create_app
from core.dialects.mailguard.access import BURST, Scope, allows_keys, grant_of
from core.dialects.mailguard.app import MAILGUARD
from core.engine.verdict import Thresholds
from core.sandbox.estate import install
from core.sandbox.mailgen import DOMAINS
from core.sandbox.service import DATABASE, service_of
from core.service.core import Core
from core.store import domains, estate, quarantine
from hub.access.audit import SYSTEM
from hub.access.keyring import Keyring
from hub.access.limiter import Budget, Limiter
from hub.access.secret_text import STYLES
from tests.factories import core
from tests.factories.core import FakeClock, held, quick_policy, still_pace
from tests.factories.mailsentinel import shared_sentinel
from tests.factories.manager import shared_manager
from tests.factories.mxguards import shared_mxguard
from tests.factories.shared import Place, shared_core, shared_url

__all__ = ["shared_core", "shared_manager", "shared_mxguard", "shared_sentinel", "shared_url"]


@pytest_asyncio.fixture(loop_scope="module")
async def manager(shared_manager: Any) -> Place:
    made: Place = await shared_manager()
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def place(shared_mxguard: Any) -> Place:
    made: Place = await shared_mxguard()
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def sentinel(shared_sentinel: Any) -> Place:
    made: Place = await shared_sentinel()
    return made


class TimedLimiter(Limiter):
    """Limits by the clock of the tests instead of the server's."""

    def __init__(self, redis: Redis, clock: FakeClock) -> None:
        super().__init__(redis)
        self._clock = clock

    async def take(self, *asked: Any, **options: Any) -> Budget:
        return await super().take(*asked, **{**options, "now_ms": self._clock()})


@dataclass(slots=True)
class Api:
    """Calls the API; answers are (status, headers, parsed body)."""

    core: Core
    url: str
    session: ClientSession
    clock: FakeClock
    keys: dict[str, str] = field(default_factory=dict)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/v1"

    async def call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Any:
        headers = {"X-API-Key": key or self.keys["full-admin"], **options.pop("headers", {})}
        async with self.session.request(method, self.api_url + path, headers=headers, **options) as response:
            is_json = response.content_type == "application/json"
            return response.status, response.headers, await response.json() if is_json else None

    async def data(self, path: str, **params: Any) -> Any:
        status, _, body = await self.call("GET", path, params=params)
        assert status == 200, body
        return body["data"]

    async def key(
        self, scope: Scope, *, domain: str | None = None, per_minute: int = 100, **options: Any
    ) -> str:
        """A key that nobody asked for: the audit log says nothing of it."""
        _, text = await Keyring(self.core.database, clock_ms=self.clock).make(
            SYSTEM,
            tenant="default",
            grants=[grant_of(scope, domain)],
            description=scope,
            allow_key_admin=allows_keys(scope),
            limits={"per_minute": per_minute, "burst": BURST},
            style=STYLES["mailguard"],
            **options,
        )
        return text

    async def hold(self, number: int = 1, body: bytes = b"raw bytes", **changes: Any) -> quarantine.Held:
        item = held(number, **changes)
        async with self.core.database.begin() as tx:
            await quarantine.add(tx, item, body)
        return item

    async def note(self, at_ms: int, **changes: Any) -> str:
        """An entry of the audit log, of node-1 unless said otherwise."""
        async with self.core.database.begin() as tx:
            return await core.note(tx, at_ms, chain=self.core.chain, **changes)

    async def heard(self, node: str, *, present: bool | None = None) -> None:
        """A partner's heart beats; `present` says what the cluster believes from now on."""
        async with self.core.database.begin() as tx:
            await estate.beat(tx, node, "", self.clock())
            if present is not None:
                await estate.set_present(tx, node, present=present)


@pytest.fixture
async def api(tmp_path, buckets, sqlite_template) -> AsyncIterator[Api]:
    """On a copy of a store that was migrated once: each test would do that anew."""
    clock = FakeClock()
    shutil.copy(sqlite_template, tmp_path / DATABASE)
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(
            service_of(tmp_path, buckets, clock=clock, policy=quick_policy())
        )
        made = replace(made, access=replace(made.access, limiter=TimedLimiter(buckets, clock)))
        await stack.enter_async_context(made.outward)
        async with made.database.begin() as tx:
            for index, name in enumerate(DOMAINS):
                backends, limits = [f"10.0.{index}.25:25"], Thresholds(quarantine=8.0 - index * 0.5)
                await domains.add(tx, name, backends=backends, thresholds=limits, now_ms=clock())
            await install(tx, DOMAINS, still_pace(), clock())
        session = await stack.enter_async_context(ClientSession())
        url = await listen(stack, create_app(made, MAILGUARD), "127.0.0.1:0")
        found = Api(made, url, session, clock)
        await found.heard("node-1", present=True)
        for scope in ("read-only", "full-admin"):
            found.keys[scope] = await found.key(scope)
        yield found
