"""MXroute Manager's dialect: tokens, permissions, envelope, and what a token may not do."""

import asyncio

import pytest

from core.dialects.dialect import create_app
from core.dialects.mxroute_manager.app import MXROUTE_MANAGER
from hub.access.audit import SYSTEM
from tests.factories.loopback import plain_and_secure

pytestmark = pytest.mark.asyncio(loop_scope="module")

NEW = {"username": "alex", "password": "Abcd123!", "quota": 1024, "limit": 9600}


def boxes(manager):
    return f"/api/domains/{manager.domain}/email-accounts"


async def test_a_token_has_the_managers_form_and_acts_under_its_label(manager):
    key = await manager.key("emails", domains=(manager.domain,), label="deploy")
    said = await manager.call("GET", "/api/me", key=key)

    assert (key[:4], len(key)) == ("mxm_", 4 + 43)
    assert said.body == {
        "success": True,
        "data": {
            "username": "token:deploy",
            "auth": "token",
            "is_admin": False,
            "grants": [{"domain": manager.domain, "permissions": ["emails"]}],
        },
        "oidc_enabled": False,
        "permissions": ["dashboard", "emails", "forwarders", "spam", "dns"],
        "user": {
            "email": "token:deploy",
            "is_admin": False,
            "delegated_domains": [manager.domain],
            "domain_grants": {manager.domain: ["emails"]},
        },
    }


async def test_an_administrators_token_is_told_to_be_one_and_gets_no_cookie(manager):
    said = await manager.call("GET", "/api/me")

    assert said.data["is_admin"] is True
    assert "Set-Cookie" not in said.headers


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization", "Cookie"])
async def test_a_token_travels_as_a_bearer_only(manager, header):
    key = await manager.key("emails")
    said = await manager.call("GET", "/api/me", key="", headers={header: key})

    assert (said.status, said.body["success"], set(said.body["error"])) == (401, False, {"message"})


async def test_a_revoked_token_ends_at_once(manager):
    key = await manager.key("emails", label="deploy")
    keyring = manager.core.access.keyring
    (found,) = [one for one in await keyring.every(manager.tenant) if one.description == "deploy"]
    await keyring.revoke(SYSTEM, manager.tenant, found.id)

    assert (await manager.call("GET", "/api/me", key=key)).status == 401


@pytest.mark.parametrize(
    ("permission", "path"),
    [
        ("dashboard", "/stats"),
        ("emails", "/email-accounts"),
        ("forwarders", "/forwarders"),
        ("forwarders", "/catch-all"),
        ("forwarders", "/pointers"),
        ("spam", "/spam/blacklist"),
        ("spam", "/spam/whitelist"),
        ("spam", "/spam/settings"),
        ("dns", "/dmarc-policy"),
        ("dns", "/dns/health"),
        ("dns", "/dns/setup-health"),
        ("dns", "/reset-portal"),
    ],
)
async def test_each_permission_opens_its_routes_on_its_domain_and_nothing_else(manager, permission, path):
    second = await manager.add("second")
    key = await manager.key(permission, domains=(manager.domain,))
    other = await manager.key("emails" if permission == "dashboard" else "dashboard")

    assert (await manager.call("GET", f"/api/domains/{manager.domain}{path}", key=key)).status == 200
    assert (await manager.call("GET", f"/api/domains/{second}{path}", key=key)).status == 403
    assert (await manager.call("GET", f"/api/domains/{manager.domain}{path}", key=other)).status == 403


async def test_domains_are_those_of_the_tokens_grants_whatever_the_permission(manager, shared_manager):
    second, foreign = await manager.add("second"), (await shared_manager()).domain
    one = await manager.key("spam", domains=(second, foreign))

    assert (await manager.call("GET", "/api/domains", key=one)).data == [second]
    assert (await manager.call("GET", "/api/domains")).data == [manager.domain, second]
    assert (await manager.call("GET", f"/api/domains/{manager.domain}", key=one)).status == 403
    assert (await manager.call("GET", f"/api/domains/{foreign}", key=one)).status == 404


async def test_only_an_administrators_token_registers_deletes_and_switches_domains(manager):
    plain, third = await manager.key("domain-admin"), f"third.{manager.domain}"
    asked = [
        ("POST", "/api/domains", {"domain": third}),
        ("PATCH", f"/api/domains/{third}/mail-status", {"enabled": False}),
        ("DELETE", f"/api/domains/{third}", None),
    ]
    refused = [(await manager.call(*one, key=plain)).status for one in asked]
    done = [(await manager.call(*one)).status for one in asked]

    assert (refused, done) == ([403, 403, 403], [201, 200, 200])


async def test_what_a_token_does_is_in_the_audit_log_under_its_label(manager):
    key = await manager.key("emails", domains=(manager.domain,), label="deploy")
    await manager.call("POST", boxes(manager), NEW, key=key)
    (entry,) = await manager.entries("mailbox.create")
    shown = (await manager.call("GET", "/api/admin/logs?limit=1")).data["entries"][0]

    assert (entry["actor"], entry["actor_type"], entry["key_prefix"]) == ("deploy", "api_key", key[:20])
    assert (shown["user"], shown["action"], shown["target"]) == (
        "token:deploy",
        "mailbox.create",
        f"alex@{manager.domain}",
    )


async def test_each_mailbox_is_made_by_a_request_of_its_own_and_once(manager):
    def make(name):
        return manager.call("POST", boxes(manager), {**NEW, "username": name})

    made = [*await asyncio.gather(*map(make, ("alice", "bob", "carol"))), await make("bob")]
    listed = await manager.call("GET", boxes(manager))

    assert [said.status for said in made] == [201, 201, 201, 409]
    assert [one["username"] for one in listed.data] == ["alice", "bob", "carol"]


async def test_descriptions_are_for_administrators_and_name_every_route(manager):
    plain = await manager.key("emails")
    said = await manager.call("GET", "/api/openapi.json")
    page = await manager.call("GET", "/api/docs")

    described = {(method.upper(), path) for path, row in said.body["paths"].items() for method in row}
    assert described == {(route.method, route.path) for route in MXROUTE_MANAGER.routes}
    assert b"/api/domains/{domain}/email-accounts" in page.raw
    assert (await manager.call("GET", "/api/docs", key=plain)).status == 403


@pytest.mark.parametrize("path", ["/", "/domains", "/login", "/settings", "/static/app.js", "/docs"])
async def test_a_token_opens_no_pages(manager, path):
    said = await manager.call("GET", path)

    assert said.status in (404, 405)
    assert said.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("name", ["{domain}", "{DOMAIN}", "{domain}."])
async def test_paths_hold_the_name_of_the_domain_however_it_is_written(manager, name):
    where = name.replace("{domain}", manager.domain).replace("{DOMAIN}", manager.domain.upper())
    said = await manager.call("GET", f"/api/domains/{where}")

    assert (said.status, said.data["domain"]) == (200, manager.domain)


@pytest.mark.parametrize("name", ["1", "dom_1", "%00", "..%2f..", "a" * 300, "nothing.example"])
async def test_what_names_no_domain_is_404(manager, name):
    assert (await manager.call("GET", f"/api/domains/{name}/stats")).status == 404


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"username": 1, "password": []}', b"[" * 9_000])
async def test_a_senseless_body_is_400_in_the_managers_form(manager, body):
    said = await manager.call("POST", boxes(manager), data=body)

    assert (said.status, said.body["success"], set(said.body["error"])) == (400, False, {"message"})


async def test_what_a_script_sends_beside_what_is_known_does_no_harm(manager):
    said = await manager.call("POST", f"{boxes(manager)}?_=1777620133", {**NEW, "note": "from a script"})
    listed = await manager.call("GET", f"{boxes(manager)}?_=1777620134")

    assert (said.status, said.data["username"]) == (201, "alex")
    assert [one["username"] for one in listed.data] == ["alex"]


async def test_what_is_not_there_is_404_and_health_is_open(manager):
    assert (await manager.call("GET", f"{boxes(manager)}/nobody")).body["success"] is False
    assert (await manager.call("GET", "/api/nowhere")).status == 404
    assert (await manager.call("GET", "/health", key="")).body == {"status": "ok"}


async def test_requests_without_encryption_can_be_refused(manager, tmp_path):
    app, headers = create_app(manager.core, MXROUTE_MANAGER), {"Authorization": f"Bearer {manager.admin}"}
    statuses = await plain_and_secure(app, tmp_path, "/api/me", headers)

    assert statuses == (403, 200)
