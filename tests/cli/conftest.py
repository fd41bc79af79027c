"""A hub in memory behind a unix socket, and the command line that talks to it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from hub.api.app import create_app
from hub.api.services import Services
from hub.cli import main
from tests.factories.api import make_services
from tests.servers.place import QUICK


class Running:
    """A hub that can be asked and looked into."""

    def __init__(self, services: Services, data: Path, url: str) -> None:
        self.services = services
        self.data = data
        self.url = url

    def run(self, *arguments: str, text: str | None = None) -> Result:
        """A command against this hub's data directory."""
        return CliRunner().invoke(main, [*arguments, "--data", str(self.data)], input=text)


@contextmanager
def serving(services: Services, data: Path) -> Iterator[str]:
    """Both listeners, on a loop and thread of their own; gives the URL of the one with a token."""
    loop = asyncio.new_event_loop()
    runners: list[web.AppRunner] = []

    async def start() -> str:
        for trusted in (True, False):
            runner = web.AppRunner(create_app(services, trusted=trusted), access_log=None)
            await runner.setup()
            runners.append(runner)
        await web.UnixSite(runners[0], str(data / "api.sock")).start()
        site = web.TCPSite(runners[1], "127.0.0.1", 0)
        await site.start()
        return f"http://127.0.0.1:{runners[1].addresses[0][1]}"

    url = loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield url
    finally:
        for runner in runners:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
        services.readers.close()


@pytest.fixture
def start_hub() -> Iterator[Callable[..., Running]]:
    """Starts a hub over services; a short path, because a socket's may have 107 bytes."""
    with ExitStack() as stack:

        def begin(services: Services | None = None) -> Running:
            services = services or make_services()
            data = Path(stack.enter_context(TemporaryDirectory(prefix="mxh", dir=QUICK)))
            url = stack.enter_context(serving(services, data))
            (data / "runtime.json").write_bytes(orjson.dumps({"socket": str(data / "api.sock"), "url": url}))
            return Running(services, data, url)

        yield begin


@pytest.fixture
def hub(start_hub: Callable[..., Running]) -> Running:
    return start_hub()
