"""What MXroute Manager's answers say has happened where it belongs: at the mail host, in the zones."""

import re
from contextlib import AsyncExitStack

import pytest

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from tests.factories.core_api import serve
from tests.factories.hosting import add_domain
from tests.factories.managed import DKIM, managed
from tests.factories.manager import token
from tests.factories.mxroute import SERVER, Hosted

DOMAIN = "/api/domains/example.com"
TOKENS = "/api/admin/api-tokens"
MAIL = ["verification", "mail", "mx", "spf", "dkim", "dmarc"]
BY_PASSWORD = {"POST /login", "POST /login/second-factor"}
"""They refuse whoever brings no password."""


class Manager:
    """The dialect's API, and what stands behind it."""

    def __init__(self, api, world):
        self.call, self.world, self.core = api.call, world, world.api.core
        self.mailboxes = world.mxroute.domains["example.com"].accounts


@pytest.fixture
async def manager(database, buckets, tmp_path):
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(managed(database, buckets, tmp_path / "core"))
        app = create_app(world.api.core, MXROUTE_MANAGER)
        yield Manager(await stack.enter_async_context(serve(world.api.core, app)), world)


async def test_a_mailbox_is_made_read_changed_and_deleted_at_the_host(manager):
    path = f"{DOMAIN}/email-accounts"
    new = {"username": "alex", "password": "Abcd123!", "quota": 1024, "limit": 9600}
    made = await manager.call("POST", path, new)
    at_first = dict(manager.mailboxes["alex"])
    changed = await manager.call("PATCH", f"{path}/alex", {"quota": 2048, "password": "Efgh456!"})
    read = await manager.call("GET", f"{path}/alex")
    gone = await manager.call("DELETE", f"{path}/alex")

    assert [said.status for said in (made, changed, read, gone)] == [201, 200, 200, 200]
    assert at_first == new
    assert (read.data["quota"], read.data["limit"], read.data["usage"]) == (2048, 9600, 1.5)
    assert manager.mailboxes == {}


async def test_mail_hosting_is_turned_off_and_on_at_the_host(manager):
    hosted = manager.world.mxroute.domains["example.com"]
    off = await manager.call("PATCH", f"{DOMAIN}/mail-status", {"enabled": False})
    was_off = not hosted.mail_hosting
    on = await manager.call("PATCH", f"{DOMAIN}/mail-status", {"enabled": True})

    assert (off.data["mail_hosting"], was_off, on.data["mail_hosting"], hosted.mail_hosting) == (
        False,
        True,
        True,
        True,
    )


async def test_a_repair_puts_the_records_of_mail_in_place_and_health_sees_it(manager):
    before = await manager.call("GET", f"{DOMAIN}/dns/health")
    done = await manager.call("POST", f"{DOMAIN}/dns/fix", {})
    manager.world.publish()
    after = await manager.call("GET", f"{DOMAIN}/dns/health")

    assert (before.data["overall"], after.data["overall"]) == ("unhealthy", "healthy")
    assert done.data["fixed"] == MAIL
    assert manager.world.holds("MX", "example.com") == [SERVER, f"relay.{SERVER}"]
    assert manager.world.holds("CNAME", "webmail.example.com") == []


async def test_only_the_named_record_is_put_in_place(manager):
    done = await manager.call("POST", f"{DOMAIN}/dns/fix", {"records": ["webmail"]})

    assert done.data["fixed"] == ["webmail"]
    assert manager.world.holds("CNAME", "webmail.example.com") == [SERVER]
    assert manager.world.holds("MX", "example.com") == []


async def test_the_repair_of_many_leaves_the_healthy_and_webmail_alone(manager):
    await manager.call("POST", f"{DOMAIN}/dns/fix", {})
    manager.world.publish()
    await add_domain(manager.core, "second.example")
    manager.world.mxroute.domains["second.example"] = Hosted(dkim=DKIM)
    manager.world.cloudflare.zones["second.example"] = {}
    done = await manager.call("POST", "/api/cloudflare/dns/fix-bulk", {"only_unhealthy": True})

    assert done.data["domains"] == ["second.example"]
    assert done.data["results"]["second.example"]["fixed"] == MAIL
    assert manager.world.holds("CNAME", "webmail.second.example") == []


async def test_an_administrators_token_is_refused_tokens_and_nothing_else(manager):
    """Every route, about things that are not there: none but those of tokens says that it may not."""
    key = await token(manager.core, "admin", ["full-admin"])
    refused = set()
    for route in MXROUTE_MANAGER.routes:
        path = re.sub(r"{\w+}", "nowhere.example", route.path)
        body = {"label": "x"} if route.path == TOKENS else {}
        said = await manager.call(route.method, path, None if route.method == "GET" else body, key=key)
        if said.status in (401, 403):
            refused.add(f"{route.method} {route.path}")

    assert refused - BY_PASSWORD == {f"GET {TOKENS}", f"POST {TOKENS}", f"DELETE {TOKENS}/{{token}}"}
