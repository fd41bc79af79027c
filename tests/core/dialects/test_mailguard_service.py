"""MailGuard's dialect over the service itself: domains, sessions, webhooks, reports, its contract."""

import json
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from core.dialects.dialect import create_app
from core.dialects.mailguard.app import MAILGUARD, contract
from core.dialects.mailguard.webhooks import EVENT_NAMES
from core.outward.forms import hex_signature
from core.store import estate
from core.store.clock import DAY_MS
from core.store.tables import domains
from hub.access.scopes import RESOURCES
from tests.factories.core import NOW_MS, raw_mail
from tests.factories.core_api import make_core, serve
from tests.factories.core_people import Browser, person, signed_in
from tests.factories.judged import hold
from tests.factories.outward import LOOPBACK

CONTRACT = Path(__file__).parents[2] / "golden" / "mailguard_contract.json"
NEW = {"name": "example.com", "direction": "inbound", "backend_servers": ["10.0.0.25:25", "mail.example.com"]}


@pytest.fixture
async def guard(core):
    """Asks as MailGuard's clients do; `ask(..., key=...)` with another key than the administrator's."""
    async with serve(core, create_app(core, MAILGUARD)) as api:

        async def ask(method, path, body=None, key=None, **headers):
            headers = {"X-API-Key": key or api.admin, **headers}
            return await api.call(method, path, body, key="", headers=headers)

        yield api, ask


async def test_a_domain_is_added_changed_by_merge_patch_and_removed(guard):
    _, ask = guard
    made = await ask("POST", "/domains", NEW)
    path = f"/domains/{made.data['id']}"
    changed = await ask("PUT", path, {"quarantine_threshold": 7.5, "tenant_id": 3, "backend_servers": None})
    again = await ask("PUT", path, {"quarantine_threshold": None, "tenant_id": None})
    gone = await ask("DELETE", path)

    assert (made.status, made.body["message"], made.data["backend_servers"]) == (
        201,
        "Created",
        ["10.0.0.25:25", "mail.example.com:25"],
    )
    same = {"name", "direction", "active", "reject_threshold", "dkim_active", "dmarc_reporting", "created_at"}
    assert {name: changed.data[name] for name in same} == {name: made.data[name] for name in same}
    figures = [(each.data["quarantine_threshold"], each.data["tenant_id"]) for each in (changed, again)]
    assert figures == [(7.5, 3), (made.data["quarantine_threshold"], None)]
    assert changed.data["backend_servers"] == []
    assert (gone.status, gone.body) == (200, {"data": None, "error": None, "message": "Deleted"})
    assert (await ask("GET", path)).status == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "other.example"}, "name"),
        ({"quarantine_threshold": "high"}, "quarantine_threshold"),
        ({"backend_servers": ["a b"]}, "backend_servers.0"),
        ({"backend_servers": ["mail.example.com:x"]}, "backend_servers.0"),
        ({"direction": "sideways"}, "direction"),
    ],
)
async def test_a_change_that_makes_no_sense_is_400_and_named(guard, change, field):
    _, ask = guard
    made = await ask("POST", "/domains", NEW)
    said = await ask("PUT", f"/domains/{made.data['id']}", change)

    assert (said.status, said.data, field in said.error) == (400, None, True)


async def test_a_number_says_nothing_of_domains_that_are_not_the_callers(guard):
    api, ask = guard
    mine, theirs = [
        (await ask("POST", "/domains", {"name": name})).data for name in ("a.example", "b.example")
    ]
    bound = await api.key("domain-admin", domains=["a.example"])
    foreign = await api.key("full-admin", tenant="other")
    holder = (await api.core.access.keyring.every("default"))[0].id
    path = f"/domains/{theirs['id']}"

    assert [each["id"] for each in (await ask("GET", "/domains", key=bound)).data] == [mine["id"]]
    for key in (bound, foreign):
        for method in ("GET", "PUT", "DELETE"):
            said = await ask(method, path, {} if method == "PUT" else None, key=key)
            assert (said.status, "b.example" in said.error) == (404, False)
    async with api.core.database.begin() as tx:
        tied = domains.update().where(domains.c.number == theirs["id"])
        await tx.execute(tied.values(api_key_id=holder))
    assert (await ask("GET", path, key=await api.key("full-admin"))).status == 404


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "%00", "١"])
async def test_what_is_no_number_of_a_domain_is_404(guard, number):
    _, ask = guard

    assert (await ask("GET", f"/domains/{number}")).status == 404


async def test_beyond_its_burst_a_key_is_refused_with_retry_after_alone(guard):
    api, ask = guard
    key = await api.key("full-admin", limits={"per_minute": 1, "burst": 10})
    answers = [await ask("GET", "/domains", key=key) for _ in range(12)]

    assert {said.status for said in answers[:10]} == {200}
    assert (answers[-1].status, 1 <= int(answers[-1].headers["Retry-After"]) <= 60) == (429, True)
    assert answers[-1].body["message"] == "Too Many Requests"
    told = [name for said in answers for name in said.headers if name.lower().startswith("x-ratelimit")]
    assert told == []


async def test_a_session_works_beside_keys_and_its_changes_need_the_csrf_token(guard):
    api, ask = guard
    await person(api, "root@example.com", admin=True)
    browser = await signed_in(api, "root@example.com")
    read = await browser.call("GET", "/domains", csrf=False)
    forged = await browser.call("POST", "/domains", NEW, csrf=False)
    meant = await browser.call("POST", "/domains", NEW)
    by_key = await ask("GET", "/domains")

    assert (read.status, read.data) == (200, [])
    assert (forged.status, set(forged.body)) == (403, {"data", "error", "message"})
    assert (meant.status, [each["name"] for each in by_key.data]) == (201, ["example.com"])
    assert (await Browser(api, "x" * 43).call("GET", "/domains")).status == 401


async def test_a_key_comes_in_its_header_and_nowhere_else(guard):
    api, _ = guard
    as_bearer = await api.call("GET", "/domains")
    without = await api.call("GET", "/domains", key="")

    assert (as_bearer.status, without.status) == (401, 401)
    assert "X-API-Key" in without.error
    assert "WWW-Authenticate" not in without.headers


async def test_reports_are_of_a_period_and_of_a_domain(guard):
    api, ask = guard
    await ask("POST", "/domains", NEW)
    every = await ask("GET", "/reports?period=day&domain=example.com")
    bound = await api.key("domain-admin", domains=["a.example"])

    assert (every.status, every.data["domain"], every.data["volumes"]["scanned"]) == (200, "example.com", 0)
    assert (await ask("GET", "/reports?period=ever")).status == 400
    assert (await ask("GET", "/reports?domain=example.com", key=bound)).status == 403


async def test_a_webhook_posts_json_signed_with_the_operators_secret(database, buckets, tmp_path):
    taken, secret = [], "a-secret-of-the-operator"

    async def take(request):
        taken.append((request.headers["X-MailGuard-Signature"], await request.read()))
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hook", take)
    async with AsyncExitStack() as stack:
        core = await make_core(database, buckets, tmp_path / "out", stack, allow_networks=LOOPBACK)
        api = await stack.enter_async_context(serve(core, create_app(core, MAILGUARD)))
        server = await stack.enter_async_context(TestServer(app))
        new = {"url": str(server.make_url("/hook")), "secret": secret, "events": ["quarantine.added"]}
        headers = {"X-API-Key": api.admin}
        made = await api.call("POST", "/webhooks", new, key="", headers=headers)
        sent = await api.call("POST", f"/webhooks/{made.data['id']}/test", key="", headers=headers)
    ((signature, raw),) = taken

    assert (made.status, made.data["events"], sent.data["delivered"]) == (201, ["quarantine.added"], True)
    assert signature == hex_signature(secret, raw)
    assert set(orjson.loads(raw)) == {"id", "event", "timestamp", "node_id", "data"}


@pytest.mark.parametrize("change", [{"events": ["everything"]}, {"events": []}, {"url": ""}, {"url": None}])
async def test_a_webhook_that_makes_no_sense_is_400(guard, change):
    _, ask = guard
    said = await ask("POST", "/webhooks", {"url": "https://siem.example/hook", **change})

    assert (said.status, next(iter(change)) in said.error) == (400, True)


async def test_without_a_choice_a_webhook_gets_the_nine_events_and_its_secret_is_shown_once(guard):
    _, ask = guard
    made = await ask("POST", "/webhooks", {"url": "https://siem.example/hook", "secret": "sixteen-chars-ok"})
    path = f"/webhooks/{made.data['id']}"
    changed = await ask("PUT", path, {"events": ["cert.expiring"], "secret": "another-secret-of-ours"})

    assert (made.status, made.data["events"], made.data["form"]) == (201, list(EVENT_NAMES), "mailguard")
    assert made.data["secret"] == "sixteen-chars-ok"
    assert (changed.data["events"], "secret" in changed.data) == (["cert.expiring"], False)
    assert "another-secret" not in (await ask("GET", "/audit/logs")).raw.decode()


@pytest.mark.parametrize("tier", [None, "trial", "standard"])
async def test_api_and_webhooks_belong_to_every_licence(guard, tier):
    api, ask = guard
    if tier is not None:
        given = {"valid_until_ms": NOW_MS + DAY_MS, "refreshed_ms": NOW_MS, "refresh_due_ms": NOW_MS}
        async with api.core.database.begin() as tx:
            await estate.put_licence(tx, estate.Licence(tier=tier, max_domains=5, **given))
    hook = await ask("POST", "/webhooks", {"url": "https://siem.example/hook"})

    assert (await ask("GET", "/license")).data["tier"] == tier
    assert (hook.status, (await ask("GET", "/audit/logs")).status) == (201, 200)


def test_whatever_the_pages_do_is_an_endpoint():
    asked = {route.scope.partition(":")[0] for route in MAILGUARD.routes if route.scope}
    hosting = {
        "customers",
        "emails",
        "events",
        "forwarders",
        "login-links",
        "messages",
        "spam",
        "subscriptions",
    }

    assert {each.name for each in RESOURCES} - asked == hosting


def outline(document):
    """What clients of an operation lean on."""
    schemas = document["components"]["schemas"]

    def resolved(schema):
        return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema

    def members(schema):
        whole = resolved(schema)
        whole = resolved(whole["items"]) if "items" in whole else whole
        return sorted(whole.get("properties", {}))

    found = {}
    for path, row in document["paths"].items():
        for method, operation in row.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            status, answer = next(iter(operation["responses"].items()))
            whole = resolved(answer["content"].get("application/json", {}).get("schema", {}))
            found[f"{method.upper()} {path}"] = {
                "status": status,
                "takes": sorted(one["name"] for one in operation["parameters"]),
                "wants": sorted(one["name"] for one in operation["parameters"] if one.get("required")),
                "body": members(body.get("schema", {})),
                "needs": sorted(resolved(body.get("schema", {})).get("required", [])),
                "data": members(whole.get("properties", {}).get("data", {})),
            }
    return found


def test_within_a_major_version_the_contract_only_grows():
    """A new major version begins with a new `mailguard_contract.json`."""
    known, now = json.loads(CONTRACT.read_text("utf-8")), outline(contract())

    assert contract()["info"]["version"].split(".")[0] == known["major"]
    for name, before in known["operations"].items():
        after = now[name]
        assert after["status"] == before["status"], name
        assert (after["wants"], after["needs"]) == (before["wants"], before["needs"]), name
        for part in ("takes", "body", "data"):
            assert set(before[part]) <= set(after[part]), (name, part)


async def test_the_events_to_choose_from_are_those_that_a_webhook_is_given(guard):
    _, ask = guard
    said = await ask("GET", "/webhooks/events")

    assert [one["name"] for one in said.data] == list(EVENT_NAMES)


async def test_who_asks_for_what_is_not_there_is_told_of_a_contract_that_is(guard):
    _, ask = guard
    said = await ask("GET", "/nothing")
    named = next(word for word in said.error.split() if word.startswith("/"))

    assert (said.status, (await ask("GET", named)).status) == (404, 200)


async def test_a_message_is_never_rendered_by_a_browser_that_has_a_session(guard):
    api, ask = guard
    item = await hold(api.core, 1, raw_mail("<script>alert(1)</script>", Content_Type="text/html"))
    said = await ask("GET", f"/mail/quarantine/{item.node_id}/{item.queue_id}/body")

    assert (said.status, said.headers["Content-Type"]) == (200, "text/rfc822")
    assert said.headers["Content-Disposition"] == f'attachment; filename="{item.queue_id}.eml"'
    assert said.headers["X-Content-Type-Options"] == "nosniff"
    assert said.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
