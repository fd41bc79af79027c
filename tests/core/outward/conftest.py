"""The service with loopback allowed, so that receivers of tests may be sent to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from core.api.app import create_app
from core.service.core import Core
from core.store.database import Database
from hub.store.client import Client
from tests.factories.core_api import Api, make_core, serve
from tests.factories.outward import LOOPBACK


@pytest.fixture
async def core(database: Database, buckets: Client, tmp_path: Path) -> AsyncIterator[Core]:
    async with AsyncExitStack() as stack:
        yield await make_core(
            database, buckets, tmp_path / "core", stack, allow_networks=LOOPBACK, outbox_days=1
        )


@pytest.fixture
async def service_api(core: Core) -> AsyncIterator[Api]:
    async with serve(core, create_app(core)) as api:
        yield api
