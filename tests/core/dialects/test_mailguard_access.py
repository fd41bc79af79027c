import pytest

from core.dialects.mailguard.access import BURST, SCOPES, grant_of, scope_of
from core.dialects.mailguard.app import ROUTES
from hub.access.limiter import Limiter
from hub.access.plans import PLANS, Limits
from hub.access.principal import Grant
from hub.web.route import ANY_CALLER
from tests.factories.core import NOW_MS, FakeClock

GUARDED = [route for route in ROUTES if route.scope not in (None, ANY_CALLER)]
QUARANTINE = {"body", "discard", "quarantine", "release", "retrain"}


def opened(scope):
    """The guarded routes of MailGuard that a scope opens."""
    held = grant_of(scope, "acme.example" if scope == "domain-admin" else None).scopes
    return [route for route in GUARDED if route.scope in held]


def concrete(route):
    known = {
        "node_id": "node-1",
        "queue_id": "00000001",
        "key_id": "999",
        "id": "999",
        "domain": "acme.example",
    }
    path = route.path.format_map({name: known.get(name, "x") for name in route.names})
    return path.removeprefix("/api/v1")


async def refused(api, status, method, path, **options):
    got, headers, body = await api.call(method, path, **options)
    assert got == status
    assert set(body) == {"data", "error", "message"}
    assert body["data"] is None
    assert isinstance(body["error"], str)
    return headers


@pytest.mark.parametrize("key", ["", "nmg_" + "0" * 64, "x" * 5000, "nmg_\udc80"])
async def test_no_key_or_a_wrong_one_is_401(api, key):
    headers = {"X-API-Key": key.encode("utf-8", "surrogateescape").decode("latin-1")}
    await refused(api, 401, "GET", "/domains", headers=headers)


async def test_a_revoked_key_is_401_at_once(api):
    key = await api.key("read-only")
    listed = await api.data("/auth/api-keys")
    key_id = next(row["id"] for row in listed if row["key_prefix"] == key[:20])
    assert (await api.call("GET", "/domains", key=key))[0] == 200
    await api.call("POST", f"/auth/api-keys/{key_id}/revoke")

    await refused(api, 401, "GET", "/domains", key=key)


async def test_an_expired_key_is_401(api):
    key = await api.key("read-only", expires_ms=NOW_MS + 1000)
    assert (await api.call("GET", "/domains", key=key))[0] == 200
    api.clock.advance(2)

    await refused(api, 401, "GET", "/domains", key=key)


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_scope_opens_its_endpoints_and_no_others(api, scope):
    key = await api.key(scope, domain="acme.example" if scope == "domain-admin" else None, per_minute=1000)
    mine = opened(scope)
    for route in GUARDED:
        status, _, _ = await api.call(route.method, concrete(route), key=key, json={})
        assert (status != 403) == (route in mine), route.path


def test_read_only_is_every_get_and_nothing_else():
    assert {route.method for route in opened("read-only")} == {"GET"}
    assert opened("read-only") == [route for route in GUARDED if route.method == "GET"]


def test_quarantine_only_is_release_discard_and_retrain():
    allowed = opened("quarantine-only")

    assert {route.path.rpartition("/")[2] for route in allowed} == QUARANTINE
    acts = {route.path.rpartition("/")[2] for route in allowed if route.method != "GET"}
    assert acts == {"release", "discard", "retrain"}


def test_full_admin_is_everything():
    assert opened("full-admin") == GUARDED


def test_domain_admin_is_everything_that_belongs_to_one_domain():
    barred = {route.path for route in GUARDED} - {route.path for route in opened("domain-admin")}
    tops = {path.removeprefix("/api/v1/").partition("/")[0] for path in barred}

    assert tops <= {
        *("accounts", "auth", "certificates", "cluster", "delegations", "license", "notifications"),
        *("reputation", "settings", "webhooks"),
    }


@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_is_read_back_from_its_grants(scope):
    domain = "acme.example" if scope == "domain-admin" else None

    assert scope_of([grant_of(scope, domain)]) == (scope, domain)


def test_grants_that_are_no_scope_are_custom():
    assert scope_of([Grant.of(["dns"])]) == ("custom", None)
    assert scope_of([grant_of("domain-admin", "a.example"), grant_of("read-only", None)]) == ("custom", None)


async def test_a_domain_key_sees_and_touches_its_domain_only(api):
    key = await api.key("domain-admin", domain="acme.example")
    await api.hold(1, domain="acme.example")
    await api.hold(2, domain="nordwind.example")
    _, _, listing = await api.call("GET", "/mail/quarantine", key=key)
    _, _, domains = await api.call("GET", "/domains", key=key)

    assert [item["domain"] for item in listing["data"]] == ["acme.example"]
    assert [domain["name"] for domain in domains["data"]] == ["acme.example"]
    await refused(api, 403, "GET", "/mail/quarantine?domain=nordwind.example", key=key)
    await refused(api, 404, "POST", "/mail/quarantine/node-1/00000002/release", key=key)
    assert (await api.call("POST", "/mail/quarantine/node-1/00000001/release", key=key))[0] == 200
    _, _, logs = await api.call("GET", "/audit/logs", key=key)
    assert [entry["action"] for entry in logs["data"]] == ["quarantine.release", "quarantine.released"]


async def test_beyond_the_burst_there_is_429_with_retry_after_until_tokens_are_back(api):
    key = await api.key("read-only", per_minute=2)
    for _ in range(2 * BURST):
        assert (await api.call("GET", "/domains", key=key))[0] == 200
    headers = await refused(api, 429, "GET", "/domains", key=key)

    assert headers["Retry-After"] == "30"
    assert not [name for name in headers if name.lower().startswith("x-ratelimit")]
    api.clock.advance(30)
    assert (await api.call("GET", "/domains", key=key))[0] == 200
    await refused(api, 429, "GET", "/domains", key=key)


async def test_the_default_bucket_holds_a_thousand_and_refills_a_hundred_a_minute(buckets):
    clock = FakeClock()
    limiter, limits = Limiter(buckets), PLANS["mailguard"]

    async def spend():
        return await limiter.spend("k", limits, tenant="t", now_ms=clock())

    async def granted(tries):
        return sum([(await spend()).granted for _ in range(tries)])

    assert limits == Limits(per_minute=100, burst=BURST)
    assert await granted(1200) == 1000
    clock.advance(60)
    assert await granted(200) == 100
    assert (await spend()).retry_after_s == 1


async def test_refused_keys_are_on_record_without_flooding_the_log(api):
    for _ in range(20):
        await api.call("GET", "/domains", key="nmg_wrong")
    entries = await api.data("/audit/logs", resource="api_key")

    assert [entry["action"] for entry in entries] == ["api_key.rejected"]
    assert entries[0]["result"] == "failure"
    assert entries[0]["actor"]["ip"] == "127.0.0.1"


async def test_a_created_key_is_shown_once_and_works(api):
    status, _, body = await api.call("POST", "/auth/api-keys", json={"name": "siem", "scope": "read-only"})
    listed = {row["id"]: row for row in await api.data("/auth/api-keys")}
    key = body["data"]["key"]

    assert (status, body["message"], body["error"]) == (201, "Created", None)
    assert (await api.call("GET", "/license", key=key))[0] == 200
    assert (key[:4], len(key), int(key[4:], 16) > 0) == ("nmg_", 68, True)
    assert listed[body["data"]["id"]]["key_prefix"] == key[:20]
    assert listed[body["data"]["id"]]["rate_limit_per_minute"] == 100
    assert all("key" not in row for row in listed.values())


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"name": "a"},
        {"name": "", "scope": "read-only"},
        {"name": "a\n", "scope": "read-only"},
        {"name": "a", "scope": "root"},
        {"name": "a", "scope": "domain-admin"},
        {"name": "a", "scope": "read-only", "domain": "acme.example"},
        {"name": "a", "scope": "domain-admin", "domain": "elsewhere.example"},
        {"name": "a", "scope": "read-only", "rate_limit_per_minute": 0},
        {"name": "a", "scope": "read-only", "expires_at": "soon"},
    ],
)
async def test_a_key_that_makes_no_sense_is_400(api, body):
    await refused(api, 400, "POST", "/auth/api-keys", json=body)


async def test_a_deleted_key_is_gone_and_its_deeds_stay(api):
    _, _, made = await api.call("POST", "/auth/api-keys", json={"name": "x", "scope": "read-only"})
    key_id = made["data"]["id"]
    status, _, body = await api.call("DELETE", f"/auth/api-keys/{key_id}")

    assert (status, body["data"]) == (200, None)
    await refused(api, 404, "DELETE", f"/auth/api-keys/{key_id}")
    actions = [entry["action"] for entry in await api.data("/audit/logs", resource="api_key")]
    assert actions == ["api_key.created", "api_key.deleted"]
