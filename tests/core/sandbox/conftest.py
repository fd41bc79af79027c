"""A vendor's sandbox over a whole service, with nothing happening by itself."""

from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import ClientSession
from redis.asyncio import Redis

from core.app.service import CoreService
from core.config import CoreConfig
from core.sandbox.mailgen import DOMAINS
from core.sandbox.nowhere import outside
from core.sandbox.sandbox import Sandbox
from core.sandbox.vendors import VENDORS


@pytest.fixture
async def start(tmp_path, bucket_server):
    """Gives what starts one in the folder of the test, by vendor and options."""

    @asynccontextmanager
    async def started(vendor, **options):
        async with AsyncExitStack() as stack:
            redis = Redis.from_url(bucket_server.url)
            stack.push_async_callback(redis.aclose)
            await redis.flushall()
            config = CoreConfig(listen="127.0.0.1:0", allow_networks=("127.0.0.0/8",))
            folder = tmp_path / "sandbox"
            service = CoreService(config, folder / "core", redis, environ={}, outside=outside(DOMAINS))
            await stack.enter_async_context(service)
            options = {"mails_per_s": 0, **options}
            yield await stack.enter_async_context(Sandbox(service.core, VENDORS[vendor], folder, **options))

    return started


@pytest.fixture
async def ask():
    """Asks with a key of the sandbox's own; answers are status, headers, body."""
    async with ClientSession() as session:

        async def asked(sandbox, path, *, method="GET", key="admin-key", headers=None, **more):
            name = sandbox.vendor.presented
            text = sandbox.keys[key]
            given = {"X-API-Key": text} if name == "X-API-Key" else {"Authorization": f"Bearer {text}"}
            async with session.request(
                method,
                sandbox.url + path,
                headers={**given, **(headers or {})},
                allow_redirects=False,
                **more,
            ) as answer:
                body = await answer.read()
                return answer.status, answer.headers, body

        yield asked
