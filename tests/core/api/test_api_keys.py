"""API keys by the API: shown once, never above their maker, ended at once."""

import pytest
from sqlalchemy import select, update

from core.store.tables import domains
from hub.access.tables import keys, sessions
from tests.factories.core_people import person, signed_in
from tests.factories.core_records import entries, events, everything_kept
from tests.factories.owner import Owner

READ = [{"domains": ["*"], "scopes": ["read-only"]}]
PREFIX_CHARS = 20


async def made(api, key=None, **body):
    said = await api.call("POST", "/api-keys", {"grants": READ, **body}, key=key)
    assert said.status == 201, said.raw
    return said.data


async def kept(core):
    async with core.database.read() as tx:
        return [row._asdict() for row in await tx.execute(select(keys))]


async def test_a_keys_text_is_in_the_answer_to_its_creation_and_nowhere_else(service_api):
    key = await made(service_api, description="siem")
    listed = await service_api.call("GET", "/api-keys")
    one = await service_api.call("GET", f"/api-keys/{key['id']}")

    assert key["key"].startswith("mfk_live_")
    assert key["key_prefix"] == key["key"][:PREFIX_CHARS]
    assert key["key"] not in listed.raw.decode() + one.raw.decode()
    assert key["key"] not in repr(await kept(service_api.core))
    assert key["key"] not in await everything_kept(service_api.core)


async def test_a_new_key_works_and_shows_when_it_was_used(service_api):
    key = await made(service_api)

    assert (await service_api.call("GET", "/me", key=key["key"])).data["id"] == key["id"]
    one = await service_api.call("GET", f"/api-keys/{key['id']}")
    assert one.data["last_used_at"] is not None


async def test_a_creation_that_is_repeated_under_its_idempotency_key_makes_one_key(service_api):
    before = len(await kept(service_api.core))
    headers = {"Idempotency-Key": "once"}
    answers = [
        await service_api.call("POST", "/api-keys", {"grants": READ}, headers=headers) for _ in range(2)
    ]

    assert answers[0].data["key"] == answers[1].data["key"]
    assert len(await kept(service_api.core)) == before + 1


async def test_a_revoked_key_is_refused_with_the_next_request_and_stays_in_the_list(service_api):
    key = await made(service_api)
    assert (await service_api.call("GET", "/me", key=key["key"])).status == 200

    said = await service_api.call("POST", f"/api-keys/{key['id']}/revoke")
    assert said.data["revoked_at"] is not None
    assert (await service_api.call("GET", "/me", key=key["key"])).status == 401
    listed = await service_api.call("GET", "/api-keys")
    assert key["id"] in {one["id"] for one in listed.data}


async def test_revoking_twice_is_once_and_told_once(service_api):
    key = await made(service_api)
    for _ in range(2):
        assert (await service_api.call("POST", f"/api-keys/{key['id']}/revoke")).status == 200

    assert len(await entries(service_api.core, "api_key.revoked")) == 1
    assert len(await events(service_api.core, "api_key.revoked")) == 1


async def test_deleting_a_key_frees_its_domains_and_ends_what_its_links_opened(service_api):
    core, owner = service_api.core, Owner(service_api, "default", "t1")
    domain = await owner.domain()
    full = [{"domains": ["*"], "scopes": ["full-admin"]}]
    key = await made(service_api, key=service_api.admin, grants=full, allow_key_admin=True)
    async with core.database.begin() as tx:
        await tx.execute(update(domains).values(api_key_id=key["id"]))
    link = await service_api.call("POST", f"/domains/{domain}/login-link", {}, key=key["key"])
    await service_api.call("GET", link.data["url"].partition("/api/v1")[2], key="")
    assert (await service_api.call("GET", f"/domains/{domain}")).status == 404

    assert (await service_api.call("DELETE", f"/api-keys/{key['id']}")).status == 200
    async with core.database.read() as tx:
        assert (await tx.execute(select(sessions))).all() == []
    assert (await service_api.call("GET", f"/domains/{domain}")).status == 200
    assert (await service_api.call("GET", f"/api-keys/{key['id']}")).status == 404
    assert (await service_api.call("GET", "/me", key=key["key"])).status == 401
    told = (await entries(core, "api_key.deleted"))[0]
    assert told["details"]["freed_domains"] == [domain]
    assert (await events(core, "api_key.deleted"))[0]["freed_domains"] == [domain]


@pytest.mark.parametrize(
    "grants",
    [
        [{"domains": ["*"], "scopes": ["rules:write"]}],
        [{"domains": ["*"], "scopes": ["full-admin"]}],
        [{"domains": ["a.example"], "scopes": ["rules:read"]}, {"domains": ["b.example"], "scopes": ["dns"]}],
    ],
)
async def test_nobody_makes_a_key_above_themselves(service_api, grants):
    mine = await service_api.key("keys:write", "rules:read", allow_key_admin=True)
    said = await service_api.call("POST", "/api-keys", {"grants": grants}, key=mine)

    assert (said.status, said.error["code"]) == (403, "FORBIDDEN")


async def test_nobody_lifts_a_key_above_themselves(service_api):
    full = [{"domains": ["*"], "scopes": ["full-admin"]}]
    strong, weak = await made(service_api, grants=full), await made(service_api)
    mine = await service_api.key("keys:write", "read-only", allow_key_admin=True)
    raised = await service_api.call("PATCH", f"/api-keys/{weak['id']}", {"grants": full}, key=mine)
    armed = await service_api.call("PATCH", f"/api-keys/{strong['id']}", {"allow_key_admin": True}, key=mine)

    assert (raised.status, armed.status) == (403, 403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("DELETE", "", None), ("POST", "/revoke", None), ("PATCH", "", {"expires_at": None})],
)
async def test_nobody_acts_on_a_key_above_themselves(service_api, method, path, body):
    above = await made(service_api, grants=[{"domains": ["*"], "scopes": ["domain-admin"]}])
    lesser = await service_api.key("keys:write", allow_key_admin=True)
    said = await service_api.call(method, f"/api-keys/{above['id']}{path}", body, key=lesser)

    assert (said.status, said.error["code"]) == (403, "FORBIDDEN")
    assert (await service_api.call("GET", "/me", key=above["key"])).status == 200


async def test_a_key_that_may_manage_keys_makes_lesser_ones(service_api):
    mine = await service_api.key("keys:write", "rules:read", allow_key_admin=True)
    grants = [{"domains": ["a.example"], "scopes": ["rules:read"]}]

    assert (await made(service_api, key=mine, grants=grants))["grants"] == grants


async def test_full_admin_manages_no_keys_unless_it_was_made_for_it(service_api):
    plain = await service_api.key("full-admin")

    for method, path in (("GET", "/api-keys"), ("POST", "/api-keys"), ("DELETE", "/api-keys/key_x")):
        assert (await service_api.call(method, path, {"grants": READ}, key=plain)).status in (400, 403)
    assert (await service_api.call("GET", "/api-keys", key=plain)).status == 403


async def test_nobody_lifts_their_own_limits(service_api):
    mine = await service_api.key("keys:write", "read-only", allow_key_admin=True)
    own = (await service_api.call("GET", "/me", key=mine)).data["id"]
    for body in ({"limits": {"per_minute": 10_000}}, {"plan": "enterprise"}):
        assert (await service_api.call("PATCH", f"/api-keys/{own}", body, key=mine)).status == 403
    more = {"grants": READ, "limits": {"per_minute": 10_000}}
    assert (await service_api.call("POST", "/api-keys", more, key=mine)).status == 403


async def test_a_key_has_its_own_figures_in_place_of_the_plans(service_api):
    key = await made(service_api, plan="pro", limits={"per_minute": 7})
    said = await service_api.call("GET", "/me", key=key["key"])

    assert said.data["plan"] == "pro"
    assert (said.data["limits"]["per_minute"], said.data["limits"]["per_day"]) == (7, 10_000)
    assert said.headers["X-RateLimit-Limit"] == "7"


async def test_a_key_can_be_changed_and_set_back(service_api):
    key = await made(service_api, plan="pro", expires_at="2100-01-01T00:00:00Z")
    where = f"/api-keys/{key['id']}"
    changed = await service_api.call("PATCH", where, {"description": "new", "plan": None, "expires_at": None})

    assert (changed.data["description"], changed.data["plan"], changed.data["expires_at"]) == (
        "new",
        None,
        None,
    )
    assert changed.data["grants"] == READ


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"plan": "gold"}, "plan"),
        ({"limits": {"burst": 11}}, "limits.burst"),
        ({"grants": [{"scopes": ["nothing:read"]}]}, "grants.0"),
        ({"grants": [{"domains": ["no domain"], "scopes": ["dns"]}]}, "grants.0"),
        ({"grants": []}, "grants"),
        ({"description": "x" * 1001}, "description"),
    ],
)
async def test_what_does_not_hold_is_400_and_named(service_api, body, field):
    said = await service_api.call("POST", "/api-keys", {"grants": READ, **body})

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_keys_of_another_tenant_are_not_there(service_api):
    theirs = await service_api.key("full-admin", tenant="other", allow_key_admin=True)
    key = await made(service_api)

    assert (await service_api.call("DELETE", f"/api-keys/{key['id']}", key=theirs)).status == 404
    assert key["id"] not in (await service_api.call("GET", "/api-keys", key=theirs)).raw.decode()


async def test_administrators_manage_keys_in_a_session(service_api):
    await person(service_api, admin=True)
    browser = await signed_in(service_api)
    said = await browser.call("POST", "/api-keys", {"grants": READ, "description": "by jo"})

    assert said.status == 201
    told = (await entries(service_api.core, "api_key.created"))[-1]
    assert (told["actor"], told["actor_type"], told["ip"]) == ("jo@example.com", "user", "127.0.0.1")
    assert told["request_id"] == said.body["meta"]["request_id"]
