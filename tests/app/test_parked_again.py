"""An operator sends parked alerts again: they are sent, however old they are by then."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from hub.app.hub import Hub
from hub.sdk.testing import Reply, StrictServer
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings
from tests.factories.zapier import PlayedZapier
from tests.servers.place import QUICK


@pytest.fixture
def make(log_server, redis):
    with TemporaryDirectory(prefix="mxh", dir=QUICK) as folder:
        yield lambda **options: settings(Path(folder), log_server.url, **options)


async def ask(hub, path, body):
    """As the command line does."""
    connector = aiohttp.UnixConnector(str(hub.socket))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(f"http://hub/api/v1/{path}", json=body) as answer,
    ):
        return (await answer.json())["data"]


async def test_parked_alerts_older_than_max_age_are_sent_when_an_operator_says_so(make):
    async with StrictServer() as server:
        zapier = PlayedZapier(server)
        zapier.always = Reply(status=413)
        options = f'url: "{zapier.options["url"]}", match: [{{source: hook}}], max_age_s: 1'
        made = make(connectors=f"  zap: {{kind: zapier, {options}, allow_networks: [127.0.0.0/8]}}")
        async with Hub(made, BOTH, registry=REGISTRY) as hub:
            _, said = await post(hub, 1)

            async def is_parked():
                return len(await hub.store.log.parked("zap")) == 1

            await come_true(is_parked)
            await asyncio.sleep(1.2)  # older than max_age by now
            zapier.always = None

            assert await ask(hub, "parked:replay", {"connector": "zap"}) == {"count": 1}
            await come_true(lambda: [run["event_id"] for run in zapier.runs] == said["ids"])
            (book,) = await hub.store.log.books()
            assert (book.dropped, book.parked) == (0, 0)
