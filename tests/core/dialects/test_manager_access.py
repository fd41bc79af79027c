"""MXroute Manager's dialect: tokens, permissions, envelope, and what a token may not do."""

from contextlib import AsyncExitStack

import pytest

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.manager import MXROUTE_MANAGER
from hub.access.audit import SYSTEM
from tests.factories.core_api import serve
from tests.factories.hosting import add_domain, audit_entries
from tests.factories.manager import token

ALL = "/api/domains/example.com/email-accounts"
NEW = {"username": "alex", "password": "Abcd123!", "quota": 1024, "limit": 9600}


class Manager:
    """The dialect over the service itself as mail host."""

    def __init__(self, core, api):
        self.core, self.api = core, api

    async def call(self, method, path, json=None, *, key, **more):
        return await self.api.call(method, path, json, key=key, **more)


@pytest.fixture
async def manager(core):
    await add_domain(core)
    await add_domain(core, "second.example")
    await add_domain(core, "foreign.example", "other")
    async with AsyncExitStack() as stack:
        yield Manager(core, await stack.enter_async_context(serve(core, create_app(core, MXROUTE_MANAGER))))


async def test_a_token_has_the_managers_form_and_acts_under_its_label(manager):
    key = await token(manager.core, "deploy", ["emails"], ("example.com",))
    said = await manager.call("GET", "/api/me", key=key)

    assert key.startswith("mxm_")
    assert said.body == {
        "success": True,
        "data": {
            "username": "token:deploy",
            "auth": "token",
            "is_admin": False,
            "grants": [{"domain": "example.com", "permissions": ["emails"]}],
        },
    }


async def test_a_token_travels_as_a_bearer_only(manager):
    key = await token(manager.core, "deploy", ["emails"])
    said = await manager.call("GET", "/api/me", key="", headers={"X-API-Key": key})

    assert (said.status, said.body["success"], set(said.body["error"])) == (401, False, {"message"})


async def test_a_revoked_token_ends_at_once(manager):
    key = await token(manager.core, "deploy", ["emails"])
    (found,) = [
        one for one in await manager.core.access.keyring.every("default") if one.description == "deploy"
    ]
    await manager.core.access.keyring.revoke(SYSTEM, "default", found.id)

    assert (await manager.call("GET", "/api/me", key=key)).status == 401


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("emails", "/email-accounts"),
        ("forwarders", "/forwarders"),
        ("forwarders", "/catch-all"),
        ("forwarders", "/pointers"),
        ("dns", "/dmarc-policy"),
        ("dns", "/dns/health"),
    ],
)
async def test_each_permission_opens_its_routes_on_its_domain_and_nothing_else(manager, permission, path):
    key = await token(manager.core, "one", [permission], ("example.com",))
    other = await token(manager.core, "other", ["dashboard"], ("example.com",))

    assert (await manager.call("GET", f"/api/domains/example.com{path}", key=key)).status == 200
    assert (await manager.call("GET", f"/api/domains/second.example{path}", key=key)).status == 403
    assert (await manager.call("GET", f"/api/domains/example.com{path}", key=other)).status == 403


async def test_domains_are_those_of_the_tokens_grants_whatever_the_permission(manager):
    one = await token(manager.core, "one", ["spam"], ("second.example", "foreign.example"))
    admin = await token(manager.core, "admin", ["full-admin"])

    assert (await manager.call("GET", "/api/domains", key=one)).data == ["second.example"]
    assert (await manager.call("GET", "/api/domains", key=admin)).data == ["example.com", "second.example"]
    assert (await manager.call("GET", "/api/domains/example.com", key=one)).status == 403
    assert (await manager.call("GET", "/api/domains/foreign.example", key=one)).status == 404


async def test_only_an_administrators_token_registers_deletes_and_switches_domains(manager):
    plain = await token(manager.core, "plain", ["domain-admin"])
    admin = await token(manager.core, "admin", ["full-admin"])
    asked = [
        ("POST", "/api/domains", {"domain": "third.example"}),
        ("PATCH", "/api/domains/third.example/mail-status", {"enabled": False}),
        ("DELETE", "/api/domains/third.example", None),
    ]
    refused = [(await manager.call(*one, key=plain)).status for one in asked]
    done = [(await manager.call(*one, key=admin)).status for one in asked]

    assert (refused, done) == ([403, 403, 403], [201, 200, 200])


async def test_what_a_token_does_is_in_the_audit_log_under_its_label(manager):
    key = await token(manager.core, "deploy", ["emails"], ("example.com",))
    await manager.call("POST", ALL, NEW, key=key)

    (entry,) = await audit_entries(manager.core, "mailbox.create")
    assert (entry["actor"], entry["actor_type"], entry["key_prefix"]) == ("deploy", "api_key", key[:20])


async def test_descriptions_are_for_administrators_and_name_every_route(manager):
    admin = await token(manager.core, "admin", ["full-admin"])
    plain = await token(manager.core, "plain", ["emails"])
    said = await manager.call("GET", "/api/openapi.json", key=admin)
    page = await manager.call("GET", "/api/docs", key=admin)

    described = {(method.upper(), path) for path, row in said.body["paths"].items() for method in row}
    assert described == {(route.method, route.path) for route in MXROUTE_MANAGER.routes}
    assert b"/api/domains/{domain}/email-accounts" in page.raw
    assert (await manager.call("GET", "/api/docs", key=plain)).status == 403


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"username": 1, "password": []}', b"[" * 9_000])
async def test_a_senseless_body_is_400_in_the_managers_form(manager, body):
    key = await token(manager.core, "deploy", ["emails"])
    said = await manager.call("POST", ALL, key=key, data=body)

    assert (said.status, said.body["success"], set(said.body["error"])) == (400, False, {"message"})


async def test_members_that_a_script_sends_beside_those_known_do_no_harm(manager):
    key = await token(manager.core, "deploy", ["emails"])
    said = await manager.call("POST", ALL, {**NEW, "note": "from a script"}, key=key)

    assert (said.status, said.data["username"]) == (201, "alex")


async def test_what_is_not_there_is_404_and_health_is_open(manager):
    key = await token(manager.core, "deploy", ["emails"])

    assert (await manager.call("GET", f"{ALL}/nobody", key=key)).body["success"] is False
    assert (await manager.call("GET", "/api/nowhere", key=key)).status == 404
    assert (await manager.call("GET", "/health", key="")).body == {"status": "ok"}
