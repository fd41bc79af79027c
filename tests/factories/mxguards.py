"""MxGuard's dialect over a service with mail, and a downstream server that takes it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from core.dialects.dialect import create_app
from core.dialects.mxguard.app import MXGUARD
from core.engine.verdict import Thresholds
from core.service.core import Core
from core.store import domains
from core.store.database import Database, sqlite_url
from core.store.domain_rows import Downstream
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from hub.store.client import Client
from tests.factories import shared
from tests.factories.core import NOW_MS
from tests.factories.core_api import make_core, serve
from tests.factories.judged import hold, judged, put_verdicts
from tests.factories.shared import Place, settle
from tests.factories.smtp import SmtpServer
from tests.factories.valkey import start_valkey

__all__ = ["Guarded", "mxguards_world", "shared_mxguard", "token"]

_numbers = count(1000)
_MAKER = Actor(type="local", id="local", name="local")


async def token(core: Core, *scopes: str, **more: Any) -> str:
    """A token in MxGuard's form; with everything unless scopes are given."""
    _, text = await core.access.keyring.make(
        _MAKER,
        tenant="default",
        grants=[Grant.of(scopes or ("full-admin",))],
        description="script",
        style=STYLES["mxguard"],
        **more,
    )
    return text


@dataclass(frozen=True, slots=True)
class Guarded:
    """Makes tenants at the module's MxGuard; mail that is released goes to `downstream`."""

    core: Core
    client: shared.Client
    downstream: SmtpServer

    async def __call__(self, **limits: Any) -> Place:
        return await settle(self.core, self.client, "mxguard", **limits)

    async def hold(self, place: Place, many: int = 1, **changes: Any) -> list[str]:
        """Held messages of the place's domain, which leads to `downstream`; their ids."""
        found = []
        async with self.core.database.begin() as tx:
            domain = await domains.find(tx, place.tenant, place.domain)
            assert domain is not None
            here = (Downstream(host="127.0.0.1", port=self.downstream.port),)
            await domains.replace_whole(tx, domain, replace(domain, downstreams=here))
        for _ in range(many):
            number = next(_numbers)
            to = (f"grace@{place.domain}",)
            mine = {"tenant": place.tenant, "domain": place.domain, "recipients": to, **changes}
            found.append((await hold(self.core, number, **mine)).id)
        return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_mxguard(shared_core: Core) -> AsyncIterator[Guarded]:
    """The module's MxGuard."""
    async with AsyncExitStack() as stack:
        downstream = await stack.enter_async_context(SmtpServer())
        client: shared.Client = TestClient(TestServer(create_app(shared_core, MXGUARD)))
        await stack.enter_async_context(client)
        yield Guarded(shared_core, client, downstream)


@asynccontextmanager
async def mxguards_world(folder: Path) -> AsyncIterator[tuple[Core, str, Mapping[str, str]]]:
    """The service, the dialect's URL, and tokens by role. Three messages are held, five were judged."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        process = start_valkey()
        stack.callback(process.stop)
        buckets = Client.from_url(process.url)
        stack.push_async_callback(buckets.aclose)
        downstream = await stack.enter_async_context(SmtpServer())
        database = await stack.enter_async_context(Database(sqlite_url(folder / "core.sqlite3")))
        core = await make_core(database, buckets, folder / "core", stack, allow_networks=("127.0.0.0/8",))
        backends = [f"127.0.0.1:{downstream.port}"]
        async with core.database.begin() as tx:
            await domains.add(tx, "acme.example", backends=backends, thresholds=Thresholds(), now_ms=NOW_MS)
        for number in range(1, 4):
            await hold(core, number)
        await put_verdicts(core.database, (judged(number) for number in range(1, 6)))
        api = await stack.enter_async_context(serve(core, create_app(core, MXGUARD)))
        keys = {"default": await token(core), "managing": await token(core, allow_key_admin=True)}
        yield core, str(api.client.make_url("")).rstrip("/"), keys
