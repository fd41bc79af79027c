"""The service's API in front of a mail host elsewhere, and domains for it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.api.app import create_app
from core.engine.verdict import Thresholds
from core.service.core import Core
from core.store import domains
from core.store.database import Database
from hub.sdk.testing import StrictServer
from hub.store.client import Client
from tests.factories.core_api import Api, make_core, serve
from tests.factories.mxroute import KEY, SERVER, USER, Hosted, PlayedMxRoute

__all__ = ["Far", "add_domain", "audit_entries", "events", "far", "host_far", "host_here", "hosted"]

LOOPBACK = ("127.0.0.0/8",)


async def add_domain(core: Core, name: str = "example.com", tenant: str = "default") -> None:
    limits = Thresholds(tag=0.5, quarantine=0.75, reject=0.97)
    async with core.database.begin() as tx:
        await domains.add(tx, name, backends=[], thresholds=limits, now_ms=core.clock(), tenant=tenant)


async def audit_entries(core: Core, action: str = "") -> list[dict[str, Any]]:
    """Entries of the tenant `default` by time, those of one action if it is named."""
    from sqlalchemy import select

    from core.store.tables import audit_entries

    async with core.database.read() as tx:
        rows = (await tx.execute(select(audit_entries).order_by(audit_entries.c.seq))).mappings().all()
    return [dict(row) for row in rows if action in ("", row["action"])]


async def events(core: Core, name: str = "") -> list[dict[str, Any]]:
    """What the outbox holds, in order."""
    from sqlalchemy import select

    from core.store.tables import outbox_events

    async with core.database.read() as tx:
        rows = (await tx.execute(select(outbox_events).order_by(outbox_events.c.seq))).mappings().all()
    return [dict(row) for row in rows if name in ("", row["name"])]


@dataclass(frozen=True, slots=True)
class Far:
    """The API whose mailboxes lie at a strict MXroute."""

    api: Api
    played: PlayedMxRoute

    @property
    def core(self) -> Core:
        return self.api.core


@asynccontextmanager
async def host_far(database: Database, buckets: Client, data: Path) -> AsyncIterator[Far]:
    """With the domain example.com here and there."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(StrictServer())
        played = PlayedMxRoute(server, domains={"example.com": Hosted()})
        given = {"server": SERVER, "username": USER, "api_key": KEY, "api": server.url}
        core = await make_core(database, buckets, data, stack, mxroute=given, allow_networks=LOOPBACK)
        await add_domain(core)
        yield Far(await stack.enter_async_context(serve(core, create_app(core))), played)


@asynccontextmanager
async def host_here(database: Database, buckets: Client, data: Path) -> AsyncIterator[Api]:
    """With the domain example.com."""
    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, data, stack)
        await add_domain(core)
        yield await stack.enter_async_context(serve(core, create_app(core)))


@pytest.fixture
async def far(database: Database, buckets: Client, tmp_path: Path) -> AsyncIterator[Far]:
    async with host_far(database, buckets, tmp_path / "far") as far:
        yield far


@pytest.fixture(params=["here", pytest.param("far", marks=pytest.mark.integration)])
async def hosted(
    request: pytest.FixtureRequest, database: Database, buckets: Client, tmp_path: Path
) -> AsyncIterator[Api]:
    """The API over either host: both behave alike."""
    if request.param == "here":
        async with host_here(database, buckets, tmp_path / "here") as api:
            yield api
    else:
        async with host_far(database, buckets, tmp_path / "far") as far:
            yield far.api
