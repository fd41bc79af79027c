"""MXroute Manager's dialect with tokens, over a service with everything around it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from core.service.core import Core
from core.store.database import Database, sqlite_url
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.scopes import PERMISSIONS
from hub.access.secret_text import STYLES
from hub.store.client import Client
from tests.factories.core_api import serve
from tests.factories.managed import managed
from tests.factories.shared import Place, settle
from tests.factories.valkey import start_valkey

__all__ = ["managers_world", "shared_manager", "token"]

_MAKER = Actor(type="local", id="local", name="local")


async def token(core: Core, label: str, scopes: list[str], domains: tuple[str, ...] = ("*",)) -> str:
    """A token in the manager's form."""
    _, text = await core.access.keyring.make(
        _MAKER,
        tenant="default",
        grants=[Grant.of(scopes, domains)],
        description=label,
        style=STYLES["mxroute-manager"],
    )
    return text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_manager(shared_core: Core) -> AsyncIterator[Callable[[], Awaitable[Place]]]:
    """Makes a tenant with a domain and an administrator's token at the module's manager."""
    async with TestClient(TestServer(create_app(shared_core, MXROUTE_MANAGER))) as client:
        yield partial(settle, shared_core, client, "mxroute-manager")


@asynccontextmanager
async def managers_world(folder: Path) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
    """Its URL, and tokens by role: `default` holds every permission on example.com, `admin` all of it."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        process = start_valkey()
        stack.callback(process.stop)
        buckets = Client.from_url(process.url)
        stack.push_async_callback(buckets.aclose)
        database = await stack.enter_async_context(Database(sqlite_url(folder / "core.sqlite3")))
        world = await stack.enter_async_context(managed(database, buckets, folder / "core"))
        core = world.api.core
        api = await stack.enter_async_context(serve(core, create_app(core, MXROUTE_MANAGER)))
        keys = {
            "default": await token(core, "script", list(PERMISSIONS), ("example.com",)),
            "admin": await token(core, "admin", ["full-admin"]),
        }
        yield str(api.client.make_url("")).rstrip("/"), keys
