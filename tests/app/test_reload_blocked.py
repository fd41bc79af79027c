"""A connector that is blocked, and a reload that changes it."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

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


def zap(played):
    url = played.options["url"]
    return f'  zap: {{kind: zapier, url: "{url}", match: [{{source: hook}}], allow_networks: [127.0.0.0/8]}}'


async def state(hub):
    (row,) = await hub.store.log.rows(now_ms=hub.now_ms(), name="zap")
    return row.state


async def test_a_new_address_gets_at_once_what_waited_for_a_hook_that_was_removed(make):
    async with StrictServer() as one, StrictServer() as other:
        removed, new = PlayedZapier(one), PlayedZapier(other)
        removed.always = Reply(status=410)  # the next probe is a day away
        async with Hub(make(connectors=zap(removed)), BOTH, registry=REGISTRY) as hub:
            _, said = await post(hub, 1)

            async def is_blocked():
                return await state(hub) == "blocked"

            await come_true(is_blocked)
            await hub.reload(make(connectors=zap(new)))
            await come_true(lambda: Counter(run["event_id"] for run in new.runs) == Counter(said["ids"]))

            assert await state(hub) == "ok"
            assert len(one.received) == 1


async def test_a_reload_that_does_not_change_it_leaves_it_blocked(make):
    async with StrictServer() as one:
        removed = PlayedZapier(one)
        removed.always = Reply(status=410)
        async with Hub(make(connectors=zap(removed)), BOTH, registry=REGISTRY) as hub:
            await post(hub, 1)

            async def is_blocked():
                return await state(hub) == "blocked"

            await come_true(is_blocked)
            await hub.reload(make(connectors=zap(removed)))

            assert await is_blocked()
