"""What MxGuard's page says beside its examples: tokens, limits, headers, mail, and what it announces."""

import io
import time

import pytest

from hub.access.audit import SYSTEM
from hub.access.plans import PLANS
from tests.factories.judged import judged, put_verdicts

pytestmark = pytest.mark.asyncio(loop_scope="module")

V1 = "/api/v1"
SHAPES = {
    "/domains": "domains:read",
    "/domains/{domain}/rules": "rules:read",
    "/verdicts": "verdicts:read",
    "/quarantine": "quarantine:read",
    "/stats": "dashboard:read",
}


async def key_of(place, text):
    return next(
        one for one in await place.core.access.keyring.every(place.tenant) if text.startswith(one.prefix)
    )


# -- tokens --------------------------------------------------------------------------------------------------
async def test_a_token_has_its_form_and_an_account_any_number_of_them(place):
    tokens = [await place.key(label=name) for name in ("plesk", "zapier", "cron")]
    said = [(await place.call("GET", f"{V1}/me", key=token)).data for token in tokens]

    assert {(token[:9], len(token)) for token in tokens} == {("mxg_live_", 9 + 43)}
    assert [one["token"]["name"] for one in said] == ["plesk", "zapier", "cron"]
    assert {one["account"] for one in said} == {place.tenant}


async def test_a_token_does_not_end_by_itself(place):
    decade_s = 10 * 366 * 86_400
    place.core.clock.advance(decade_s)
    try:
        said = await place.call("GET", f"{V1}/me")
    finally:
        place.core.clock.advance(-decade_s)

    assert (said.status, (await key_of(place, place.admin)).expires_ms) == (200, None)


async def test_a_revoked_token_is_refused_at_once_and_others_go_on(place):
    gone, other = await place.key(label="gone"), await place.key(label="other")
    await place.core.access.keyring.revoke(SYSTEM, place.tenant, (await key_of(place, gone)).id)

    assert [(await place.call("GET", f"{V1}/me", key=one)).status for one in (gone, other)] == [401, 200]


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization", "Cookie"])
async def test_a_token_travels_as_a_bearer_only(place, header):
    said = await place.call("GET", f"{V1}/me", key="", headers={header: place.admin})

    assert (said.status, said.error["code"]) == (401, "UNAUTHORIZED")


# -- limits --------------------------------------------------------------------------------------------------
async def test_the_minute_of_the_page_holds_and_is_told_without_its_size(place):
    key = await place.key()
    granted = 0
    while granted < 75:
        said = await place.call("GET", f"{V1}/me", key=key)
        assert "X-RateLimit-Limit" not in said.headers
        assert int(said.headers["X-RateLimit-Reset"]) >= time.time() - 2
        if said.status == 429:
            break
        assert said.data["limits"] == {"hour": 600, "minute": 60}
        granted += 1

    assert 60 <= granted < 75
    assert (said.headers["X-RateLimit-Remaining"], int(said.headers["Retry-After"]) >= 1) == ("0", True)
    assert said.error["code"] == "RATE_LIMITED"


async def test_the_hour_of_the_page_holds_for_each_token(place):
    fast = await place.key(plan="mxguard", limits={"per_minute": 100_000})
    other = await place.key(plan="mxguard", limits={"per_minute": 100_000})
    found = await key_of(place, fast)
    await place.core.access.limiter.spend(found.id, found.effective, tenant=place.tenant, n=598)
    said = [(await place.call("GET", f"{V1}/me", key=fast)) for _ in range(3)]

    assert [one.status for one in said] == [200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in said] == ["1", "0", "0"]
    assert 3000 < int(said[-1].headers["Retry-After"]) <= 3600
    assert (await place.call("GET", f"{V1}/me", key=other)).status == 200


async def test_every_answer_tells_how_the_limits_stand(place):
    asked = ["/me", "/domains", "/domains/nothing.example", "/verdicts?limit=x", "/quarantine/x/release"]
    said = [await place.call("GET", V1 + path) for path in asked]

    assert [one.status for one in said] == [200, 200, 404, 400, 405]
    for one in said:
        assert {"X-RateLimit-Remaining", "X-RateLimit-Reset"} <= set(one.headers)


async def test_a_request_counts_where_no_route_asked_who_it_is(place):
    key = await place.key()
    asked = ["/me", "/nothing", "/quarantine/x/release", "/openapi.json", "/docs", "/me"]
    said = [await place.call("GET", V1 + path, key=key) for path in asked]
    left = [int(one.headers["X-RateLimit-Remaining"]) for one in said]

    assert [one.status for one in said] == [200, 404, 405, 200, 200, 200]
    assert 54 <= left[-1] < left[0] <= 59


@pytest.mark.parametrize("key", ["", "mxg_live_" + "x" * 43])
@pytest.mark.parametrize("path", ["/me", "/nothing", "/openapi.json", "/docs", "/quarantine/x/release"])
async def test_who_has_no_token_that_is_known_is_told_what_the_page_allows(place, key, path):
    said = await place.call("GET", V1 + path, key=key)
    now_s = place.core.clock() // 1000

    assert said.headers["X-RateLimit-Remaining"] == "60"
    assert abs(int(said.headers["X-RateLimit-Reset"]) - now_s) <= 1


async def test_limits_of_one_token_can_be_raised(place):
    raised = await place.key(limits={"per_minute": 500})
    usual = await place.key()

    assert (await place.call("GET", f"{V1}/me", key=raised)).data["limits"]["minute"] == 500
    assert (await place.call("GET", f"{V1}/me", key=usual)).data["limits"]["minute"] == 60


@pytest.mark.parametrize("plan", sorted(PLANS))
async def test_the_api_belongs_to_every_plan(place, plan):
    await place.core.access.keyring.set_plan(SYSTEM, place.tenant, plan)
    key = await place.key()
    asked = ["/me", "/domains", "/verdicts", "/quarantine", "/stats", "/webhooks", "/customers"]

    assert {(await place.call("GET", V1 + path, key=key)).status for path in asked} == {200}


# -- version 1 -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", SHAPES)
async def test_version_1_is_whole_and_each_part_takes_its_scope_alone(place, path):
    where = V1 + path.format(domain=place.domain)
    may = await place.key(SHAPES[path])
    may_not = await place.key(*(scope for scope in SHAPES.values() if scope != SHAPES[path]))

    assert (await place.call("GET", where, key=may)).status == 200
    assert (await place.call("GET", where, key=may_not)).status == 403


async def test_reporting_spam_trains_and_adds_no_rule(shared_mxguard, place):
    (item,) = await shared_mxguard.hold(place)
    said = await place.call("POST", f"{V1}/quarantine/{item}/report-spam")
    rules = await place.call("GET", f"{V1}/domains/{place.domain}/rules")

    assert (said.status, said.data["status"], rules.data) == (200, "held", [])


async def test_released_messages_are_delivered_once_and_told_as_such(shared_mxguard, place):
    (item,) = await shared_mxguard.hold(place)
    before = len(shared_mxguard.downstream.delivered)
    first, again = [await place.call("POST", f"{V1}/quarantine/{item}/release") for _ in range(2)]
    released = await place.call("GET", f"{V1}/quarantine?status=released")

    assert (first.status, again.status, first.data["status"]) == (200, 200, "released")
    assert [one["id"] for one in released.data] == [item]
    assert len(shared_mxguard.downstream.delivered) == before + 1


async def test_pages_of_verdicts_hold_each_once_whatever_comes_in_between(place):
    async def decide(first, last):
        rows = (judged(number, tenant=place.tenant, domain=place.domain) for number in range(first, last))
        mine = [{**row, "id": f"ver_{place.tenant}_{row['at_ms']}"} for row in rows]
        await put_verdicts(place.core.database, mine)

    await decide(1, 8)
    seen, cursor = [], ""
    while cursor is not None:
        said = (await place.call("GET", f"{V1}/verdicts?limit=3{cursor and '&cursor=' + cursor}")).body
        seen += [one["id"] for one in said["data"]]
        cursor = said["next_cursor"]
        await decide(10 * len(seen), 10 * len(seen) + 1)

    assert len(seen) == len(set(seen)) == 7


async def test_verdicts_are_narrowed_to_what_the_answer_calls_them(place):
    fates = [
        ("clean", "relayed"),
        ("clean", "rejected"),  # nobody of that name is there
        ("quarantine", "quarantined"),
        ("reject", "rejected"),
        ("reject", "none"),  # a dry run
    ]
    mine = {"tenant": place.tenant, "domain": place.domain}
    rows = [
        {**judged(number, **mine, verdict=verdict, fate=fate), "id": f"ver_{place.tenant}_{number}"}
        for number, (verdict, fate) in enumerate(fates)
    ]
    await put_verdicts(place.core.database, rows)
    found = {
        asked: [one["verdict"] for one in (await place.call("GET", f"{V1}/verdicts?verdict={asked}")).data]
        for asked in ("clean", "tag", "quarantine", "reject", "rejected")
    }

    assert found == {
        "clean": ["clean"],
        "tag": [],
        "quarantine": ["quarantine"],
        "reject": ["reject"],
        "rejected": ["rejected", "rejected"],
    }


async def test_a_cursor_that_is_none_is_refused(place):
    said = await place.call("GET", f"{V1}/verdicts?cursor=" + "x" * 40)

    assert (said.status, said.error["code"]) == (410, "CURSOR_EXPIRED")


async def test_a_domain_tied_to_another_token_and_those_of_others_are_not_there(shared_mxguard, place):
    other = await shared_mxguard()
    asked = [f"/domains/{other.domain}", f"/domains/{other.domain}/rules", "/domains/nothing.example"]
    (item,) = await shared_mxguard.hold(other)

    assert {(await place.call("GET", V1 + path)).status for path in asked} == {404}
    assert (await place.call("POST", f"{V1}/quarantine/{item}/release")).status == 404
    assert [one["domain"] for one in (await place.call("GET", f"{V1}/domains")).data] == [place.domain]


# -- hostile input -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"null", b"[" * 9_000, b'{"domain": 1}', b""])
async def test_a_senseless_body_is_400_and_names_the_field(place, body):
    said = await place.call("POST", f"{V1}/domains", data=body)

    assert (said.status, set(said.error)) == (400, {"code", "message", "details"})
    assert all(one["field"] and one["message"] for one in said.error["details"])


@pytest.mark.parametrize("name", ["%00", "%ff", "..%2f..%2fetc", "x" * 300, "a b", "*", "xn--"])
async def test_what_names_nothing_is_404(place, name):
    asked = [
        ("GET", f"{V1}/domains/{name}"),
        ("GET", f"{V1}/domains/{name}/rules"),
        ("DELETE", f"{V1}/domains/{place.domain}/rules/{name}"),
        ("POST", f"{V1}/quarantine/{name}/release"),
        ("POST", f"{V1}/quarantine/{name}/report-spam"),
        ("GET", f"{V1}/webhooks/{name}"),
        ("GET", f"{V1}/customers/{name}"),
    ]

    assert {(await place.call(*one)).status for one in asked} == {404}


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=5000", "from=soon", "verdict=maybe", "colour=red", "to=%00"]
)
async def test_a_parameter_that_makes_no_sense_is_named(place, query):
    said = await place.call("GET", f"{V1}/verdicts?{query}")

    assert (said.status, said.error["details"][0]["field"]) == (400, query.partition("=")[0])


async def test_too_large_a_body_is_413(place):
    said = await place.call("POST", f"{V1}/domains", data=io.BytesIO(b"x" * (1024 * 1024 + 1)))

    assert (said.status, said.error["code"]) == (413, "PAYLOAD_TOO_LARGE")
