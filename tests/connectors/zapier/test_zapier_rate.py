"""Zapier's limit of 30 requests a second for one hook, kept by the shared bucket over a real server."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hub.app.hub import Hub
from hub.sdk.testing import StrictServer
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings
from tests.factories.valkey import log, log_server, redis
from tests.factories.zapier import PlayedZapier
from tests.servers.place import QUICK

__all__ = ["log", "log_server", "redis"]


@pytest.fixture
def folder():
    with TemporaryDirectory(prefix="mxh", dir=QUICK) as name:
        yield Path(name)


@pytest.mark.slow
async def test_many_alerts_at_once_never_come_faster_than_zapier_takes_them(folder, log_server, redis):
    async with StrictServer() as server:
        zapier = PlayedZapier(server)
        url = zapier.options["url"]
        options = f'url: "{url}", match: [{{source: hook}}], storm: null, allow_networks: [127.0.0.0/8]'
        made = settings(folder, log_server.url, connectors=f"  zap: {{kind: zapier, {options}}}")
        async with Hub(made, BOTH, registry=REGISTRY) as hub:
            for n in range(60):
                await post(hub, n)
            await come_true(lambda: len(zapier.runs) == 60, 60)

        assert zapier.most_per_s <= 30
        assert zapier.problems == []
