"""Two connectors that post to one channel share its rate, and what one says of the other comes to an end."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hub.app.hub import Hub
from hub.archive.query import Query
from hub.sdk.testing import StrictServer
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings
from tests.factories.slack import CHANNEL, TOKEN, PlayedSlack
from tests.factories.valkey import log, log_server, redis
from tests.servers.place import QUICK

__all__ = ["log", "log_server", "redis"]

pytestmark = pytest.mark.slow
ALERTS = 30


@pytest.fixture
def make(log_server, redis):
    with TemporaryDirectory(prefix="mxh", dir=QUICK) as folder:
        yield lambda **options: settings(Path(folder), log_server.url, **options)


def two(server, rate_per_s):
    """Both get the alerts and the hub's own health."""
    options = (
        f"kind: slack, token: {TOKEN}, channel: {CHANNEL}, api_url: '{server.url}/api', storm: null,"
        f" rate_per_s: {rate_per_s}, allow_networks: [127.0.0.0/8],"
        " match: [{source: hook}, {code: hub.*}]"
    )
    return "\n".join(f"  {name}: {{{options}}}" for name in ("soc", "night"))


async def counts(hub):
    found = await hub.store.log.books()
    return {book.connector: (book.recorded, book.delivered, book.pending) for book in found}


async def said(hub):
    """The hub's own events."""
    return await hub.readers.run(hub.archive.count, Query(source=("mxhub",)))


@pytest.mark.parametrize("rate_per_s", [10, 40], ids=["as Slack has it", "others post there too"])
async def test_it_ends_with_everything_posted_and_nothing_more_recorded(make, redis, rate_per_s):
    async with StrictServer() as server:
        slack = PlayedSlack(server, rate_per_s=10.0, burst=10)
        async with Hub(make(connectors=two(server, rate_per_s)), BOTH, registry=REGISTRY) as hub:
            for n in range(ALERTS):
                await post(hub, n)
            await come_true(lambda: len(slack.posted) == 2 * ALERTS, 60)

            async def is_quiet():
                return all(pending == 0 for _, _, pending in (await counts(hub)).values())

            await come_true(is_quiet, 20)
            before = await counts(hub)
            await asyncio.sleep(2)

            assert await counts(hub) == before == dict.fromkeys(("soc", "night"), (ALERTS, ALERTS, 0))
            assert await said(hub) == 0
            assert len(slack.posted) == 2 * ALERTS
            assert not [key for key in await redis.keys("*") if b"xoxb" in key]


async def test_one_that_is_told_to_slow_down_slows_the_other_down(make):
    async with StrictServer() as server:
        slack = PlayedSlack(server, rate_per_s=0.5, burst=1)
        async with Hub(make(connectors=two(server, 10)), BOTH, registry=REGISTRY) as hub:
            await post(hub, 1)
            await post(hub, 2)
            await come_true(lambda: len(slack.posted) == 4, 50)

            assert len(server.received) <= 4 * 4, "few of them for nothing"
            assert await said(hub) == 0
