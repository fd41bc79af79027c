"""A quiet sandbox and a client for its API."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from aiohttp import ClientSession

from core.sandbox.mailguard import MailGuardSandbox
from core.store import audit, estate, keys, quarantine
from tests.factories.core import FakeClock, held, quiet_sandbox


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
            return response.status, response.headers, await response.json()

    async def data(self, path: str, **params: Any) -> Any:
        status, _, body = await self.call("GET", path, params=params)
        assert status == 200, body
        return body["data"]

    async def key(self, scope: keys.Scope, **options: Any) -> str:
        async with self.sandbox.database.begin() as tx:
            _, text = await keys.create(tx, name=scope, scope=scope, now_ms=self.clock(), **options)
        return text

    async def hold(self, number: int = 1, body: bytes = b"raw bytes", **changes: Any) -> quarantine.Held:
        item = held(number, **changes)
        async with self.sandbox.database.begin() as tx:
            await quarantine.add(tx, item, body)
        return item

    async def note(
        self, at_ms: int, node: str = "node-1", action: str = "auth.login", name: str = "admin"
    ) -> str:
        note = audit.Note(actor=audit.Actor(type="user", name=name), action=action, resource=f"user/{name}")
        async with self.sandbox.database.begin() as tx:
            return await audit.append(tx, node, at_ms, note)

    async def heard(self, node: str, *, present: bool | None = None) -> None:
        """A partner's heart beats; `present` says what the cluster believes from now on."""
        async with self.sandbox.database.begin() as tx:
            await estate.beat(tx, node, "", self.clock())
            if present is not None:
                await estate.set_present(tx, node, present=present)


@pytest.fixture
async def api(tmp_path) -> AsyncIterator[Api]:
    clock = FakeClock()
    async with quiet_sandbox(tmp_path, clock=clock) as sandbox, ClientSession() as session:
        yield Api(sandbox, session, clock)
