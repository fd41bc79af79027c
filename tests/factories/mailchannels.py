"""MailChannels' dialect over a service with a customer that has a subscription."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp.test_utils import TestClient

from core.dialects.dialect import create_app
from core.dialects.mailchannels.app import MAILCHANNELS
from core.service import api_keys, subscriptions
from core.service.api_keys import MadeKey, NewKey
from core.service.core import Core
from core.service.subscriptions import NewSubscription
from core.store.database import Database, sqlite_url
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from hub.store.client import Client
from tests.factories.core_api import OPERATOR_BY, Said, make_core, serve
from tests.factories.valkey import start_valkey

__all__ = ["HANDLE", "Inbound", "inbound_world", "key", "key_made", "speaking", "subscribe"]

HANDLE = "sub-main"
ROOT = "/inbound/v1"
_MAKER = Actor(type="local", id="local", name="local")


async def key(core: Core, *scopes: str, tenant: str = "default", **more: Any) -> str:
    """A key in this vendor's form; with everything unless scopes are given."""
    domains = more.pop("domains", ("*",))
    _, text = await core.access.keyring.make(
        _MAKER,
        tenant=tenant,
        grants=[Grant.of(scopes or ("full-admin",), domains)],
        style=STYLES["mailchannels"],
        **more,
    )
    return text


async def key_made(core: Core, description: str) -> MadeKey:
    """As people make one: with its record, and with everything."""
    new = NewKey(grants=(Grant.of(["full-admin"]),), description=description, style="mailchannels")
    return await api_keys.make(core, OPERATOR_BY, new)


async def subscribe(core: Core, handle: str = HANDLE, tenant: str = "default", **more: Any) -> None:
    new = NewSubscription(handle=handle, plan="inbound", tenant=tenant, **more)
    async with core.database.begin() as tx:
        await subscriptions.make(core, tx, OPERATOR_BY, new)


@dataclass(slots=True)
class Inbound:
    """`call` asks with the full-admin key, or one; paths are those below the base."""

    core: Core
    client: TestClient
    admin: str

    async def call(self, method: str, path: str, json: Any = None, **more: Any) -> Said:
        headers = {"X-API-Key": more.pop("key", self.admin), **more.pop("headers", {})}
        body = {} if json is None else {"data": orjson.dumps(json)}
        where = path if path == "/inbound-api.yaml" else ROOT + path
        async with self.client.request(method, where, headers=headers, **body, **more) as answer:
            return Said(answer.status, answer.headers, await answer.read())

    async def provision(self, name: str, query: str = "", **more: Any) -> Said:
        caller = {"key": more.pop("key")} if "key" in more else {}
        body = {"domain": name, "subscriptionHandle": HANDLE, **more}
        return await self.call("POST", f"/domains{query}", body, **caller)


@asynccontextmanager
async def speaking(core: Core) -> AsyncIterator[Inbound]:
    """The dialect on loopback, with one subscription."""
    await subscribe(core)
    async with serve(core, create_app(core, MAILCHANNELS)) as api:
        yield Inbound(core, api.client, await key(core))


@asynccontextmanager
async def inbound_world(folder: Path) -> AsyncIterator[tuple[str, Inbound]]:
    """Its URL and a client, on a database of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        process = start_valkey()
        stack.callback(process.stop)
        buckets = Client.from_url(process.url)
        stack.push_async_callback(buckets.aclose)
        database = await stack.enter_async_context(Database(sqlite_url(folder / "core.sqlite3")))
        core = await make_core(database, buckets, folder / "core", stack)
        inbound = await stack.enter_async_context(speaking(core))
        yield str(inbound.client.make_url("")).rstrip("/"), inbound
