"""People and delegations by the API: nobody acts on somebody who has more than they have."""

import pytest

from tests.factories.core_people import PASSWORD, enrolled, person, signed_in
from tests.factories.core_records import actions, everything_kept
from tests.factories.owner import Owner

DNS = {"domains": ["a.example"], "scopes": ["dns"]}


@pytest.fixture
async def helper(service_api):
    """A key that manages people, and beyond that may do little."""
    return await service_api.key("people:write", "dns", allow_key_admin=True)


async def test_an_account_is_made_changed_and_deleted(service_api):
    body = {"login": " JO@example.com", "name": "Jo", "password": PASSWORD}
    made = await service_api.call("POST", "/accounts", body)
    where = f"/accounts/{made.data['id']}"
    changed = await service_api.call("PATCH", where, {"name": "Jo B."})
    deleted = await service_api.call("DELETE", where)

    assert (made.status, made.data["login"], made.data["has_password"]) == (201, "jo@example.com", True)
    assert (changed.status, changed.data["name"]) == (200, "Jo B.")
    assert (deleted.status, (await service_api.call("GET", where)).status) == (200, 404)
    assert (await actions(service_api.core))[-3:] == ["account.created", "account.updated", "account.deleted"]
    assert PASSWORD not in await everything_kept(service_api.core)


async def test_an_account_is_found_by_its_login_too(service_api):
    account = await person(service_api)

    assert (await service_api.call("GET", "/accounts/JO@example.com")).data["id"] == account.id


async def test_a_login_is_nobody_else_s(service_api):
    await person(service_api, tenant="other")

    assert (await service_api.call("POST", "/accounts", {"login": "jo@example.com"})).status == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [({"login": "jo"}, "login"), ({"login": "jo@example.com", "password": "short"}, "password")],
)
async def test_what_does_not_hold_is_named(service_api, body, field):
    said = await service_api.call("POST", "/accounts", body)

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_the_last_administrator_stays(service_api):
    where = f"/accounts/{(await person(service_api, admin=True)).id}"

    for method, body in (("DELETE", None), ("PATCH", {"admin": False}), ("PATCH", {"active": False})):
        assert (await service_api.call(method, where, body)).status == 409


async def test_who_is_made_inactive_is_signed_out(service_api):
    account = await person(service_api)
    browser = await signed_in(service_api)
    await service_api.call("PATCH", f"/accounts/{account.id}", {"active": False})

    assert (await browser.call("GET", "/me")).status == 401


async def test_signing_somebody_out_ends_all_their_sessions(service_api):
    account = await person(service_api)
    browsers = [await signed_in(service_api) for _ in range(2)]
    await service_api.call("POST", f"/accounts/{account.id}/sign-out")

    assert [(await browser.call("GET", "/me")).status for browser in browsers] == [401, 401]


async def test_a_lost_second_factor_is_taken_off_by_an_administrator(service_api):
    account = await person(service_api)
    await enrolled(await signed_in(service_api))
    said = await service_api.call("DELETE", f"/accounts/{account.id}/second-factor")

    assert said.status == 200
    assert (await signed_in(service_api)).cookie


async def test_what_is_delegated_holds_at_once_and_ends_at_once(service_api):
    owner = Owner(service_api, "default", "t1")
    domain = await owner.domain()
    await person(service_api)
    browser = await signed_in(service_api)
    assert (await browser.call("GET", f"/domains/{domain}")).status == 403

    body = {"account": "jo@example.com", "grants": [{"domains": [domain], "scopes": ["domains:read"]}]}
    assert (await service_api.call("POST", "/delegations", body)).status == 200
    assert (await browser.call("GET", f"/domains/{domain}")).status == 200
    listed = await service_api.call("GET", "/delegations")
    assert [(one["account"]["login"], one["grants"]) for one in listed.data] == [
        ("jo@example.com", body["grants"])
    ]
    assert (await service_api.call("DELETE", "/delegations/jo@example.com")).status == 200
    assert (await browser.call("GET", f"/domains/{domain}")).status == 403
    assert (await service_api.call("DELETE", "/delegations/jo@example.com")).status == 404
    assert (await actions(service_api.core))[-2:] == ["delegation.changed", "delegation.removed"]


async def test_a_delegation_takes_the_place_of_the_one_before(service_api):
    account = await person(service_api)
    for scope in ("dns", "emails"):
        body = {"account": account.id, "grants": [{"domains": ["a.example"], "scopes": [scope]}]}
        said = await service_api.call("POST", "/delegations", body)

    assert [grant["scopes"] for grant in said.data["grants"]] == [["emails"]]


async def test_nobody_delegates_what_they_lack(service_api, helper):
    account = await person(service_api)
    for scopes, status in ((["dns"], 200), (["rules:write"], 403), (["full-admin"], 403)):
        body = {"account": account.id, "grants": [{"domains": ["a.example"], "scopes": scopes}]}
        assert (await service_api.call("POST", "/delegations", body, key=helper)).status == status


async def test_only_a_full_admin_makes_administrators(service_api, helper):
    account = await person(service_api)
    made = await service_api.call("POST", "/accounts", {"login": "x@example.com", "admin": True}, key=helper)
    raised = await service_api.call("PATCH", f"/accounts/{account.id}", {"admin": True}, key=helper)

    assert (made.status, raised.status) == (403, 403)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/password", {"password": "another battery staple"}),
        ("DELETE", "/second-factor", None),
        ("POST", "/sign-out", None),
        ("PATCH", "", {"active": False}),
        ("DELETE", "", None),
    ],
)
async def test_who_has_more_is_out_of_reach(service_api, helper, method, path, body):
    admin = await person(service_api, admin=True)
    other = await person(service_api, "li@example.com")
    grants = [{"domains": ["*"], "scopes": ["rules:write"]}]
    await service_api.call("POST", "/delegations", {"account": other.id, "grants": grants})

    for account in (admin, other):
        said = await service_api.call(method, f"/accounts/{account.id}{path}", body, key=helper)
        assert (said.status, said.error["code"]) == (403, "FORBIDDEN")


async def test_one_s_own_password_and_second_factor_want_the_old_one_and_a_code(service_api):
    account = await person(service_api, admin=True)
    browser = await signed_in(service_api)
    where = f"/accounts/{account.id}"

    assert (await browser.call("PUT", f"{where}/password", {"password": "another battery"})).status == 403
    assert (await browser.call("DELETE", f"{where}/second-factor")).status == 403


async def test_people_of_another_tenant_are_not_there(service_api):
    account = await person(service_api)
    theirs = await service_api.key("full-admin", tenant="other", allow_key_admin=True)

    assert (await service_api.call("GET", f"/accounts/{account.login}", key=theirs)).status == 404
    assert (await service_api.call("DELETE", f"/accounts/{account.id}", key=theirs)).status == 404
    assert (await service_api.call("GET", "/accounts", key=theirs)).data == []


async def test_me_says_who_asks_and_what_they_may(service_api):
    key = await service_api.key("dns:read", domains=["a.example"], description="monitor")
    said = (await service_api.call("GET", "/me", key=key)).data
    await person(service_api, admin=True)
    by_session = (await (await signed_in(service_api)).call("GET", "/me")).data

    assert (said["kind"], said["name"], said["scopes"]) == ("key", "monitor", ["dns:read"])
    assert said["grants"] == [{"domains": ["a.example"], "scopes": ["dns:read"]}]
    assert (said["plan"], said["limits"]["per_minute"], said["account"]) == ("default", 100, None)
    assert (by_session["full_admin"], by_session["limits"]["per_minute"]) == (True, 100)
    assert by_session["account"]["login"] == "jo@example.com"


async def test_status_wants_any_key(service_api):
    said = await service_api.call("GET", "/status", key=await service_api.key("dns:read"))

    assert (said.status, said.data["status"]) == (200, "ok")
