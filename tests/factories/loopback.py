"""Applications on loopback for as long as a test asks them."""

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import ClientSession, web

from hub.app.https import https_only
from hub.app.listener import Listener
from hub.config.load import load_text
from tests.factories.tls import self_signed

__all__ = ["listening", "plain_and_secure"]


@asynccontextmanager
async def listening(app: web.Application, port: int = 0) -> AsyncIterator[str]:
    """`http://127.0.0.1:PORT`; without `port` any free one."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def plain_and_secure(
    app: web.Application, folder: Path, path: str, headers: Mapping[str, str]
) -> tuple[int, int]:
    """What a GET is answered without TLS and with it, where the configuration asks for it (`force_https`)."""
    tls, certificate = self_signed(folder)
    refuse = https_only(load_text("force_https: true\n"))
    listener = Listener(app, max_connections=10, refuse=refuse)
    try:
        plain, secure = [await listener.start_tcp("127.0.0.1", 0, one) for one in (None, tls)]
        trusted = ssl.create_default_context(cafile=str(certificate))
        async with ClientSession(headers=headers) as session:
            without = await session.get(f"http://127.0.0.1:{plain}{path}")
            with_it = await session.get(f"https://127.0.0.1:{secure}{path}", ssl=trusted)
            return without.status, with_it.status
    finally:
        await listener.stop()
