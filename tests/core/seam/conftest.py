"""The service with a real SMTP server behind it."""

from contextlib import AsyncExitStack

import pytest

from core.engine.verdict import Thresholds
from core.store import domains
from tests.factories.core import NOW_MS
from tests.factories.core_api import make_core
from tests.factories.smtp import SmtpServer


@pytest.fixture
async def smtp():
    async with SmtpServer() as server:
        yield server


@pytest.fixture
async def core(database, buckets, tmp_path, smtp):
    """As the usual one, allowed to reach the server behind it; `acme.example` is filtered for it."""
    settings = {"allow_networks": ("127.0.0.0/8",), "reports_addresses": ("rua@reports.example",)}
    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, tmp_path / "core", stack, **settings)
        async with core.database.begin() as tx:
            await domains.add(
                tx,
                "acme.example",
                backends=[f"127.0.0.1:{smtp.port}"],
                thresholds=Thresholds(),
                now_ms=NOW_MS,
            )
        yield core
