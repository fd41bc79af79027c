"""MailSentinel's dialect: keys, plans, limits as the page tells them, refusals, what others may not see."""

import pytest

from core.dialects.mailsentinel import domains as handlers
from core.store import tables
from hub.access.audit import SYSTEM

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT, REMAINING, RESET = (f"X-RateLimit-{name}" for name in ("Limit", "Remaining", "Reset"))


async def domain_id(sentinel):
    said = await sentinel.call("GET", "/api/domains")
    return said.body["domains"][0]["id"]


async def test_a_key_is_made_and_its_text_is_told_once(sentinel):
    made = await sentinel.call("POST", "/api/api-keys", {"name": "nightly"})
    text = made.data["apiKey"]["key"]
    listed = await sentinel.call("GET", "/api/api-keys")
    (mine,) = [one for one in listed.data["apiKeys"] if one["id"] == made.data["apiKey"]["id"]]

    assert (made.status, text[:9], len(text)) == (201, "mst_live_", 9 + 43)
    assert (mine["name"], mine["prefix"], text in listed.raw.decode()) == ("nightly", text[:20], False)


async def test_a_made_key_has_full_access_to_its_account(sentinel):
    text = (await sentinel.call("POST", "/api/api-keys", {"name": "all"})).data["apiKey"]["key"]
    asked = [
        await sentinel.call("POST", "/api/domains", {"domain": f"new.{sentinel.domain}"}, key=text),
        await sentinel.call("POST", "/api/alert-rules", {"type": "dmarc_failure"}, key=text),
        await sentinel.call("POST", "/api/webhooks", {"url": "https://hooks.example/in"}, key=text),
        await sentinel.call("POST", "/api/api-keys", {"name": "another"}, key=text),
        await sentinel.call("GET", "/api/reports", key=text),
    ]

    assert [one.status for one in asked] == [201, 201, 201, 201, 200]


async def test_a_key_is_rotated_by_making_a_new_one_and_revoking_the_old(sentinel):
    old, new = [
        (await sentinel.call("POST", "/api/api-keys", {"name": name})).data["apiKey"]
        for name in ("old", "new")
    ]
    gone = await sentinel.call("DELETE", f"/api/api-keys/{old['id']}", key=new["key"])
    refused = await sentinel.call("GET", "/api/domains", key=old["key"])
    served = await sentinel.call("GET", "/api/domains", key=new["key"])

    assert (gone.status, gone.data["apiKey"]["revokedAt"] is not None) == (200, True)
    assert (refused.status, refused.error["code"], served.status) == (401, "UNAUTHORIZED", 200)


async def spent(sentinel, **more):
    """Headers after one request of a new key."""
    return (await sentinel.call("GET", "/api/domains", key=await sentinel.key(**more))).headers


async def test_a_key_without_a_plan_has_free_and_is_told_so(sentinel):
    key = await sentinel.key()
    first = await sentinel.call("GET", "/api/domains", key=key)
    now_s = first.headers[RESET]
    said = [await sentinel.call("GET", "/api/domains", key=key) for _ in range(70)]
    refused = next(one for one in said if one.status == 429)

    assert (first.headers[LIMIT], first.headers[REMAINING]) == ("60", "59")
    assert refused.error["code"] == "RATE_LIMITED"
    assert (refused.headers[LIMIT], refused.headers[REMAINING]) == ("60", "0")
    assert int(refused.headers[RESET]) >= int(now_s) > 1_500_000_000
    assert 1 <= int(refused.headers["Retry-After"]) <= 60


async def test_who_waits_as_long_as_a_refusal_says_is_served(sentinel):
    key = await sentinel.key(plan="free")
    principal = await sentinel.core.access.keyring.authenticate(key)
    limits, limiter, tenant = principal.limits, sentinel.core.access.limiter, principal.tenant
    now_ms = sentinel.core.clock()
    await limiter.spend(principal.id, limits, tenant=tenant, n=60, now_ms=now_ms)
    refused = await limiter.spend(principal.id, limits, tenant=tenant, now_ms=now_ms)
    later_ms = now_ms + refused.retry_after_s * 1000
    served = await limiter.spend(principal.id, limits, tenant=tenant, now_ms=later_ms)

    assert (refused.granted, served.granted) == (False, True)


@pytest.mark.parametrize(
    ("plan", "minute", "day"), [("free", 60, 1000), ("pro", 300, 10_000), ("enterprise", 1000, None)]
)
async def test_a_plan_of_the_page_has_its_figures(sentinel, plan, minute, day):
    headers = await spent(sentinel, plan=plan)
    key = await sentinel.key(plan=plan)
    limits = (await sentinel.core.access.keyring.authenticate(key)).limits

    assert (headers[LIMIT], headers[REMAINING]) == (str(minute), str(minute - 1))
    assert (limits.per_minute, limits.per_day, limits.per_hour) == (minute, day, None)


async def test_the_day_is_counted_beside_the_minute(sentinel):
    key = await sentinel.key(limits={"per_minute": 300, "per_day": 2})
    said = [await sentinel.call("GET", "/api/domains", key=key) for _ in range(3)]

    assert [one.status for one in said] == [200, 200, 429]
    assert [one.headers[LIMIT] for one in said] == ["2", "2", "2"]
    assert int(said[-1].headers["Retry-After"]) > 3600


async def test_an_accounts_plan_is_that_of_its_keys(shared_sentinel):
    sentinel = await shared_sentinel()
    await sentinel.core.access.keyring.set_plan(SYSTEM, sentinel.tenant, "pro")

    assert (await spent(sentinel))[LIMIT] == "300"


async def test_refusals_tell_the_limits_too(sentinel):
    said = await sentinel.call("GET", "/api/domains/dom_none")

    assert said.status == 404
    assert {LIMIT, REMAINING, RESET} <= set(said.headers)


async def test_a_missing_name_is_told_in_the_pages_form(sentinel):
    said = await sentinel.call("POST", "/api/domains", {})

    assert said.status == 400
    assert set(said.body) == {"success", "error"}
    assert said.error["code"] == "VALIDATION_ERROR"
    assert "domain" in said.error["message"]


async def test_fields_have_the_dialects_names_in_refusals(sentinel):
    said = await sentinel.call("POST", "/api/alert-rules", {"type": "dmarc_failure", "windowHours": 0})

    assert (said.status, "windowHours" in said.error["message"]) == (400, True)


async def test_a_parameter_that_there_is_not_is_refused(sentinel):
    said = await sentinel.call("GET", "/api/reports?sender=x")

    assert (said.status, said.error["code"], "sender" in said.error["message"]) == (
        400,
        "VALIDATION_ERROR",
        True,
    )


async def test_a_failure_of_the_server_is_an_internal_error_without_its_reason(sentinel, monkeypatch):
    async def broken(*_, **__):
        raise RuntimeError("secret inner word")

    monkeypatch.setattr(handlers.domains, "every", broken)
    said = await sentinel.call("GET", "/api/domains")

    assert (said.status, said.error["code"]) == (500, "INTERNAL_ERROR")
    assert "secret" not in said.error["message"]


async def test_a_taken_name_is_refused_with_one_of_the_six_codes(sentinel):
    said = await sentinel.call("POST", "/api/domains", {"domain": sentinel.domain})

    assert (said.status, said.error["code"]) == (409, "VALIDATION_ERROR")


async def test_an_answer_has_its_content_in_data_and_beside_it(sentinel):
    said = await sentinel.call("GET", "/api/domains")

    assert said.body == {"success": True, "data": said.data, **said.data}
    assert said.data["domains"][0]["domain"] == sentinel.domain


async def test_both_ways_to_join_base_and_path_give_the_same(sentinel):
    one = await domain_id(sentinel)
    for path in ("/domains", f"/domains/{one}", "/reports?page=1&limit=50", "/alerts", "/webhooks"):
        plain, joined = [await sentinel.call("GET", f"{root}{path}") for root in ("/api", "/api/api")]

        assert (plain.status, plain.body) == (200, joined.body)


@pytest.mark.parametrize("rest", ["", "/scan", "/verify"])
async def test_a_domain_that_is_not_of_the_key_is_not_found(sentinel, rest):
    one = await domain_id(sentinel)
    elsewhere = await sentinel.key("full-admin", domains=("elsewhere.example",))
    method = "POST" if rest else "GET"
    said = await sentinel.call(method, f"/api/domains/{one}{rest}", key=elsewhere)
    listed = await sentinel.call("GET", "/api/domains", key=elsewhere)

    assert (said.status, said.error["code"], listed.data["domains"]) == (404, "NOT_FOUND", [])


async def test_a_domain_that_is_tied_to_another_key_is_not_found(sentinel):
    one = await domain_id(sentinel)
    made = (await sentinel.call("POST", "/api/api-keys", {"name": "tied"})).data["apiKey"]
    async with sentinel.core.database.begin() as tx:
        mine = tables.domains.c.id == one
        await tx.execute(tables.domains.update().where(mine).values(api_key_id=made["id"]))
    hidden = [
        await sentinel.call("GET", f"/api/domains/{one}"),
        await sentinel.call("POST", f"/api/domains/{one}/scan"),
        await sentinel.call("DELETE", f"/api/domains/{one}"),
    ]
    seen = await sentinel.call("GET", f"/api/domains/{one}", key=made["key"])

    assert ([said.status for said in hidden], seen.status) == ([404, 404, 404], 200)


async def test_a_reading_key_changes_nothing(sentinel):
    one, key = await domain_id(sentinel), await sentinel.key("read-only")
    said = [
        await sentinel.call("POST", f"/api/domains/{one}/scan", key=key),
        await sentinel.call("DELETE", f"/api/domains/{one}", key=key),
        await sentinel.call("POST", "/api/api-keys", {"name": "more"}, key=key),
        await sentinel.call("POST", "/api/webhooks", {"url": "https://hooks.example/in"}, key=key),
    ]

    assert {(one.status, one.error["code"]) for one in said} == {(403, "FORBIDDEN")}
