"""Tenants by the API: made by whoever runs the service, entered by their first administrator."""

import pytest
from sqlalchemy import insert

from core.service.erasing import erase
from core.store.tables import meta
from tests.factories.core_records import entries

WHO = "hank@globex.example"
PASSWORD = "a long enough password"


async def make(api, tenant="globex", administrator=WHO):
    return await api.call("POST", "/tenants", {"tenant": tenant, "administrator": administrator})


async def enter(api, token, login=WHO):
    body = {"token": token, "login": login, "password": PASSWORD}
    return await api.call("POST", "/setup", body, key="")


async def test_a_tenant_is_made_and_its_administrator_signs_in(service_api):
    made = await make(service_api)
    token = made.data.pop("token")
    came = await enter(service_api, token)
    session = await service_api.call("POST", "/sessions", {"login": WHO, "password": PASSWORD}, key="")
    cookie = session.headers["Set-Cookie"].partition(";")[0]
    me = await service_api.call("GET", "/me", key="", headers={"Cookie": cookie})

    assert (made.status, made.headers["Cache-Control"]) == (201, "no-store")
    assert (made.data["tenant"], made.data["administrator"]) == ("globex", WHO)
    assert (came.status, came.data["admin"]) == (201, True)
    assert (me.data["tenant"], me.data["full_admin"]) == ("globex", True)


async def test_a_token_whose_answer_was_lost_is_told_again_under_the_idempotency_key(service_api):
    body, headers = {"tenant": "globex", "administrator": WHO}, {"Idempotency-Key": "once"}
    first, again = [await service_api.call("POST", "/tenants", body, headers=headers) for _ in range(2)]

    assert (again.status, again.raw) == (201, first.raw)
    assert first.data["token"]


async def test_what_is_of_the_tenant_is_seen_by_it_only(service_api):
    token = (await make(service_api)).data["token"]
    await enter(service_api, token)
    theirs = await service_api.key("full-admin", tenant="globex")
    await service_api.call("POST", "/domains", {"name": "globex.example"}, key=theirs)
    listed = {one["tenant"]: one for one in (await service_api.call("GET", "/tenants")).data}

    assert (await service_api.call("GET", "/domains")).data == []
    assert listed["globex"] == {
        "tenant": "globex",
        "plan": "default",
        "people": 1,
        "api_keys": 1,
        "domains": 1,
    }
    assert listed["default"]["api_keys"] == 1


@pytest.mark.parametrize(("method", "body"), [("GET", None), ("POST", {"tenant": "x", "administrator": WHO})])
async def test_only_whoever_runs_the_service_knows_of_tenants(service_api, method, body):
    theirs = await service_api.key("full-admin", tenant="globex", allow_key_admin=True)
    said = await service_api.call(method, "/tenants", body, key=theirs)

    assert (said.status, said.error["code"]) == (403, "FORBIDDEN")


async def test_a_tenant_that_nobody_entered_gets_a_new_token(service_api):
    old, new = (await make(service_api)).data["token"], (await make(service_api)).data["token"]

    assert (await enter(service_api, old)).status == 401
    assert (await enter(service_api, new)).status == 201
    assert (await make(service_api, administrator="two@globex.example")).status == 409


async def test_a_login_that_is_somebodys_is_409(service_api):
    await enter(service_api, (await make(service_api)).data["token"])

    assert (await make(service_api, tenant="acme")).status == 409


@pytest.mark.parametrize(
    ("tenant", "administrator", "field"),
    [
        ("", WHO, "tenant"),
        ("-x", WHO, "tenant"),
        ("a b", WHO, "tenant"),
        ("gl\u00f6bex", WHO, "tenant"),
        ("x" * 64, WHO, "tenant"),
        ("globex", "hank", "login"),
    ],
)
async def test_what_is_no_name_or_login_is_named(service_api, tenant, administrator, field):
    said = await make(service_api, tenant, administrator)

    assert said.status == 400
    assert {one["field"] for one in said.error["details"]} == {field}


async def test_a_tenant_is_on_the_operators_record_and_who_was_asked_on_its_own(service_api):
    await make(service_api)
    core = service_api.core

    assert [one["resource"] for one in await entries(core, "tenant.created")] == ["tenant/globex"]
    assert [one["resource"] for one in await entries(core, "account.invited", tenant="globex")] == [
        f"account/{WHO}"
    ]
    assert await entries(core, "account.invited") == []


async def test_nothing_of_a_tenant_is_left_when_it_is_erased(service_api):
    token = (await make(service_api)).data["token"]
    await erase(service_api.core, "globex")
    names = [one["tenant"] for one in (await service_api.call("GET", "/tenants")).data]

    assert names == ["default"]
    assert (await enter(service_api, token)).status == 401
    assert (await make(service_api)).status == 201


async def test_a_tenant_that_is_being_erased_is_409(service_api):
    async with service_api.core.database.begin() as tx:
        await tx.execute(insert(meta).values(key="erasing:globex", value="1"))

    assert (await make(service_api)).status == 409


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/plan", {"plan": "pro", "tenant": "globex"}),
        ("POST", "/subscriptions", {"handle": "one", "plan": "pro", "tenant": "globex"}),
        ("PATCH", "/subscriptions/one?tenant=globex", {"plan": "pro"}),
    ],
)
async def test_a_plan_for_no_tenant_is_refused_and_names_it(service_api, method, path, body):
    said = await service_api.call(method, path, body)

    assert said.status == 400
    assert [one["field"] for one in said.error["details"]] == ["tenant"]
    assert "globex" in said.error["details"][0]["message"]


async def test_a_plan_holds_for_a_tenant_that_was_made(service_api):
    await make(service_api)
    said = await service_api.call("PUT", "/plan", {"plan": "pro", "tenant": "globex"})
    theirs = await service_api.key("read-only", tenant="globex")

    assert said.status == 200
    assert (await service_api.call("GET", "/me", key=theirs)).data["limits"]["per_minute"] == 300
