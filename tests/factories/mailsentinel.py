"""MailSentinel's dialect over a service whose domain has records in a DNS of the tests, and a report."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer

from core.dialects.dialect import create_app
from core.dialects.mailsentinel.app import MAILSENTINEL
from core.dns.answers import Answer
from core.service import dmarc_reports, domains, organizations
from core.service.core import Core
from core.service.domain_changes import DomainChange
from core.service.provisioning import NewDomain
from core.store.database import Database, sqlite_url
from hub.access.audit import Actor
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from hub.store.client import Client
from tests.factories.core_api import OPERATOR_BY, make_core, serve
from tests.factories.dns import dkim_record
from tests.factories.reports import report_xml
from tests.factories.shared import Place, settle
from tests.factories.valkey import start_valkey

__all__ = ["publish", "sentinels_world", "shared_sentinel"]

_MAKER = Actor(type="local", id="local", name="local")
DMARC, SPF = "v=DMARC1; p=reject; rua=mailto:rua@acme.example", "v=spf1 ip4:192.0.2.0/24 -all"


def publish(core: Core, domain: str, **records: str) -> None:
    """Put DMARC, SPF and a DKIM key into the DNS of the tests; `records` by owner in place of those."""
    resolver: Any = core.resolver
    usual = {f"_dmarc.{domain}": DMARC, domain: SPF, f"s1._domainkey.{domain}": dkim_record()}
    for owner, text in {**usual, **records}.items():
        resolver.known[owner, "TXT"] = Answer(state="found", values=(text,))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_sentinel(shared_core: Core) -> AsyncIterator[Callable[..., Awaitable[Place]]]:
    """Makes a tenant with a domain and a full-access key at the module's listener."""
    async with TestClient(TestServer(create_app(shared_core, MAILSENTINEL))) as client:
        yield partial(settle, shared_core, client, "mailsentinel", allow_key_admin=True, plan="enterprise")


@asynccontextmanager
async def sentinels_world(folder: Path) -> AsyncIterator[tuple[str, Mapping[str, str], Mapping[str, Any]]]:
    """Its URL, tokens by role, and the id of an organization with a domain."""
    folder.mkdir(parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        process = start_valkey()
        stack.callback(process.stop)
        buckets = Client.from_url(process.url)
        stack.push_async_callback(buckets.aclose)
        database = await stack.enter_async_context(Database(sqlite_url(folder / "core.sqlite3")))
        core = await make_core(database, buckets, folder / "core", stack)
        facts = {"organization": await _organization(core)}
        publish(core, "acme.example")
        await dmarc_reports.upload(core, OPERATOR_BY, report_xml())
        api = await stack.enter_async_context(serve(core, create_app(core, MAILSENTINEL)))
        keys = {"default": await _token(core, "full-admin"), "read-only": await _token(core, "read-only")}
        yield str(api.client.make_url("")).rstrip("/"), keys, facts


async def _organization(core: Core) -> str:
    async with core.database.begin() as tx:
        made = await organizations.make(core, tx, OPERATOR_BY, "Acme")
    new = NewDomain(name="acme.example", change=DomainChange(organization_id=made.id))
    await domains.create(core, OPERATOR_BY, new)
    return made.id


async def _token(core: Core, scope: str) -> str:
    _, text = await core.access.keyring.make(
        _MAKER,
        tenant="default",
        grants=[Grant.of([scope])],
        description=scope,
        allow_key_admin=scope == "full-admin",
        style=STYLES["mailsentinel"],
    )
    return text
