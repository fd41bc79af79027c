"""The addresses on which the core answers: its own API's, and one of each dialect that is configured."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from aiohttp import web

from core.api.app import create_app
from core.app.dialects import DialectConfig, maker_of
from core.service.core import Core
from hub.sdk.values import host_port
from hub.telemetry.metrics import METRICS
from hub.web.gate import Holder

__all__ = ["OWN", "Listen", "listen", "open_all"]

OWN = "api"
"""The name of its own API among the listeners."""
_SHUTDOWN_S = 2.0

Listen = Callable[[AsyncExitStack, web.Application, str], Awaitable[str]]
"""`(stack, application, "HOST:PORT") -> URL`: listens until the stack ends. Raises `OSError`."""


async def listen(stack: AsyncExitStack, app: web.Application, address: str) -> str:
    """Plain HTTP, for a core that runs by itself."""
    host, port = host_port(address)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S)
    stack.push_async_callback(runner.cleanup)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{runner.addresses[0][1]}"


async def open_all(
    stack: AsyncExitStack,
    core: Core,
    dialects: Mapping[str, DialectConfig],
    *,
    listen: Listen = listen,
    token: Holder | None = None,
) -> Mapping[str, str]:
    """Name -> URL; the API's is `OWN`. `token` knows who holds tokens of the process's own, for the API only.

    Raises `OSError` for an address that cannot be had.
    """
    urls = {OWN: await listen(stack, _counted(create_app(core, token=token), OWN), core.config.listen)}
    for name, config in dialects.items():
        urls[name] = await listen(stack, _counted(maker_of(name)(core), name), config.listen)
    return urls


def _counted(app: web.Application, name: str) -> web.Application:
    """Every answer is counted under that name."""

    async def count(_: web.Request, response: web.StreamResponse) -> None:
        METRICS.count("mxhub_core_requests_total", name, f"{response.status // 100}xx")

    app.on_response_prepare.append(count)
    return app
