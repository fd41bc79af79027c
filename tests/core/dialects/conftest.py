"""A quiet sandbox and a client for its API; for the dialects that share a service, a tenant for each test."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession

from core.dialects.mailguard.access import BURST, Scope, allows_keys, grant_of
from core.sandbox.mailguard import MailGuardSandbox
from core.store import estate, quarantine
from hub.access.audit import SYSTEM
from hub.access.keyring import Keyring
from hub.access.secret_text import STYLES
from tests.factories import core
from tests.factories.core import FakeClock, held, quiet_sandbox
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


@dataclass(slots=True)
class Api:
    """Calls the API; answers are (status, headers, parsed body)."""

    sandbox: MailGuardSandbox
    session: ClientSession
    clock: FakeClock

    async def call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> Any:
        headers = {"X-API-Key": key or self.sandbox.admin_key, **options.pop("headers", {})}
        async with self.session.request(
            method, self.sandbox.api_url + path, headers=headers, **options
        ) as response:
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
        _, text = await Keyring(self.sandbox.database, clock_ms=self.clock).make(
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
        async with self.sandbox.database.begin() as tx:
            await quarantine.add(tx, item, body)
        return item

    async def note(self, at_ms: int, **changes: Any) -> str:
        """An entry of the audit log, of node-1 unless said otherwise."""
        async with self.sandbox.database.begin() as tx:
            return await core.note(tx, at_ms, chain=self.sandbox.core.chain, **changes)

    async def heard(self, node: str, *, present: bool | None = None) -> None:
        """A partner's heart beats; `present` says what the cluster believes from now on."""
        async with self.sandbox.database.begin() as tx:
            await estate.beat(tx, node, "", self.clock())
            if present is not None:
                await estate.set_present(tx, node, present=present)


@pytest.fixture
async def api(tmp_path, buckets, sqlite_template) -> AsyncIterator[Api]:
    """On a copy of a store that was migrated once: each sandbox would do that anew."""
    clock = FakeClock()
    shutil.copy(sqlite_template, tmp_path / "mailguard.sqlite3")
    async with quiet_sandbox(tmp_path, buckets, clock=clock) as sandbox, ClientSession() as session:
        yield Api(sandbox, session, clock)
