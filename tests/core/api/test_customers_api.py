"""Customers, organizations, subscriptions, the plan and the licence by the API."""

import pytest
from sqlalchemy import insert, update

from core.store.clock import DAY_MS
from core.store.tables import domains, licences
from tests.factories.core_records import actions, entries
from tests.factories.owner import Owner


@pytest.fixture
async def domain(service_api):
    return await Owner(service_api, "default", "t1").domain()


async def made(api, path, **body):
    said = await api.call("POST", path, body)
    assert said.status == 201, said.raw
    return said.data


async def tie(api, **values):
    async with api.core.database.begin() as tx:
        await tx.execute(update(domains).values(**values))


async def test_a_customer_is_made_changed_and_removed(service_api):
    customer = await made(service_api, "/customers", name="Acme", email="it@acme.example", settings={"no": 7})
    where = f"/customers/{customer['id']}"
    changed = await service_api.call("PATCH", where, {"status": "suspended"})
    removed = await service_api.call("DELETE", where)

    assert (changed.data["name"], changed.data["status"], changed.data["settings"]) == (
        "Acme",
        "suspended",
        {"no": 7},
    )
    assert (removed.status, (await service_api.call("GET", where)).status) == (200, 404)
    names = ["customer.created", "customer.updated", "customer.deleted"]
    assert (await actions(service_api.core))[-3:] == names


async def test_a_customer_who_has_something_is_not_removed(service_api, domain):
    customer = await made(service_api, "/customers", name="Acme")
    await made(service_api, "/organizations", name="Acme", customer_id=customer["id"])
    await tie(service_api, customer_id=customer["id"])
    said = await service_api.call("DELETE", f"/customers/{customer['id']}")

    assert said.status == 409
    assert "1 domains, 1 organizations" in said.error["message"]


async def test_customers_come_in_pages_that_stand(service_api):
    for number in range(5):
        await made(service_api, "/customers", name=f"c{number}")
        service_api.core.clock.advance(1)
    seen, cursor = [], None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = await service_api.call("GET", "/customers", params=params)
        seen += [one["name"] for one in page.data]
        await made(service_api, "/customers", name="late")
        cursor = page.pagination["next_cursor"]
        if cursor is None:
            break

    assert seen == ["c4", "c3", "c2", "c1", "c0"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x", "email": "nobody"}, "email"),
        ({"name": "x", "settings": {"a": "b" * 20_000}}, "settings"),
    ],
)
async def test_what_does_not_hold_is_named(service_api, body, field):
    said = await service_api.call("POST", "/customers", body)

    assert (said.status, said.error["details"][0]["field"]) == (400, field)


async def test_an_organization_has_the_domains_that_are_given_to_it(service_api, domain):
    organization = await made(service_api, "/organizations", name="Acme")
    where = f"/organizations/{organization['id']}"
    assert (await service_api.call("GET", f"{where}/domains")).data == []

    await tie(service_api, organization_id=organization["id"])
    assert [one["name"] for one in (await service_api.call("GET", f"{where}/domains")).data] == [domain]
    assert (await service_api.call("DELETE", where)).status == 409
    foreign = await service_api.key("domains:read", domains=["elsewhere.example"])
    assert (await service_api.call("GET", f"{where}/domains", key=foreign)).data == []


async def test_an_organization_s_domain_that_is_tied_to_another_key_is_hidden(service_api, domain):
    organization = await made(service_api, "/organizations", name="Acme")
    await tie(service_api, organization_id=organization["id"], api_key_id="key_other")

    assert (await service_api.call("GET", f"/organizations/{organization['id']}/domains")).data == []


async def test_an_organization_changes_its_customer(service_api):
    customer = await made(service_api, "/customers", name="Acme")
    organization = await made(service_api, "/organizations", name="A", customer_id=customer["id"])
    where = f"/organizations/{organization['id']}"
    unknown = await service_api.call("PATCH", where, {"customer_id": "cus_none"})
    cleared = await service_api.call("PATCH", where, {"customer_id": None})

    assert (unknown.status, unknown.error["details"][0]["field"]) == (400, "customer_id")
    assert (cleared.data["customer_id"], cleared.data["name"]) == (None, "A")


async def test_a_subscription_counts_its_active_domains(service_api, domain):
    await made(service_api, "/subscriptions", handle="sub-1", plan="pro", limits={"domains": 2})
    await tie(service_api, subscription="sub-1")
    listed = await service_api.call("GET", "/subscriptions", key=await service_api.key("read-only"))

    assert [(one["handle"], one["plan"], one["limits"], one["active"]) for one in listed.data] == [
        ("sub-1", "pro", {"domains": 2}, True)
    ]
    assert listed.data[0]["active_accounts_count"] == 1
    await tie(service_api, active=False)
    assert (await service_api.call("GET", "/subscriptions/sub-1")).data["active_accounts_count"] == 0


async def test_a_handle_is_given_once(service_api):
    await service_api.key("full-admin", tenant="other")
    await made(service_api, "/subscriptions", handle="sub-1", plan="pro", tenant="other")
    body = {"handle": "sub-1", "plan": "free"}

    assert (await service_api.call("POST", "/subscriptions", body)).status == 409


async def test_a_subscription_without_room_takes_no_more_domains(service_api):
    await made(service_api, "/subscriptions", handle="sub-1", plan="pro", limits={"domains": 1})
    new = [{"name": f"{name}.example", "subscription_handle": "sub-1"} for name in "abc"]
    first = await service_api.call("POST", "/domains", new[0])
    full = await service_api.call("POST", "/domains", new[1])
    await service_api.call("PATCH", "/subscriptions/sub-1", {"limits": {"domains": -1}})
    more = await service_api.call("POST", "/domains", new[1])
    await service_api.call("PATCH", "/subscriptions/sub-1", {"active": False})
    ended = await service_api.call("POST", "/domains", new[2])

    assert [said.status for said in (first, full, more, ended)] == [201, 409, 201, 400]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/subscriptions", {"handle": "sub-1", "plan": "enterprise"}),
        ("PATCH", "/subscriptions/sub-1", {"plan": "enterprise"}),
        ("PUT", "/plan", {"plan": "enterprise"}),
    ],
)
async def test_a_tenant_gives_itself_no_better_plan(service_api, method, path, body):
    theirs = await service_api.key("full-admin", tenant="other")
    said = await service_api.call(method, path, body, key=theirs)

    assert (said.status, said.error["code"]) == (403, "FORBIDDEN")


async def test_the_operator_sets_a_tenant_s_plan_and_its_keys_follow(service_api):
    theirs = await service_api.key("read-only", tenant="other")
    body = {"plan": "pro", "limits": {"per_day": 5}, "tenant": "other"}
    assert (await service_api.call("PUT", "/plan", body)).status == 200
    said = await service_api.call("GET", "/plan", key=theirs)

    assert (said.data["plan"], said.data["limits"]["per_minute"], said.data["limits"]["per_day"]) == (
        "pro",
        300,
        5,
    )
    assert (await service_api.call("GET", "/me", key=theirs)).data["limits"]["per_day"] == 5
    told = (await entries(service_api.core, "tenant.plan_changed", tenant="other"))[0]
    assert (told["before"]["plan"], told["after"]["plan"]) == ("default", "pro")


@pytest.mark.parametrize(
    ("body", "field"), [({"plan": "gold"}, None), ({"plan": "pro", "limits": {"nope": 1}}, "limits.nope")]
)
async def test_a_plan_that_there_is_not_is_400(service_api, body, field):
    said = await service_api.call("PUT", "/plan", body)

    assert said.status == 400
    assert field is None or said.error["details"][0]["field"] == field


async def test_the_licence_is_none_valid_or_expired(service_api, domain):
    assert (await service_api.call("GET", "/license")).data["status"] == "none"
    now_ms = service_api.core.clock()
    row = {
        "id": "current",
        "tier": "standard",
        "holder": "Acme",
        "max_domains": 50,
        "valid_until_ms": now_ms + DAY_MS,
        "refreshed_ms": now_ms,
        "refresh_due_ms": now_ms + DAY_MS,
    }
    async with service_api.core.database.begin() as tx:
        await tx.execute(insert(licences).values(**row))
    valid = (await service_api.call("GET", "/license", key=await service_api.key("read-only"))).data
    service_api.core.clock.advance(86_401)
    expired = (await service_api.call("GET", "/license")).data

    assert (valid["status"], valid["tier"], valid["max_domains"], valid["domains"]) == (
        "valid",
        "standard",
        50,
        1,
    )
    assert (expired["status"], expired["holder"]) == ("expired", "Acme")


async def test_the_licence_tells_a_tenant_of_its_own_domains_only(service_api, domain):
    await Owner(service_api, "other", "t2").domain()
    await Owner(service_api, "other", "t3").domain()
    theirs = await service_api.key("full-admin", tenant="other")
    helper = await service_api.key("cluster:read")

    assert (await service_api.call("GET", "/license")).data["domains"] == 3
    assert (await service_api.call("GET", "/license", key=theirs)).data["domains"] == 2
    assert (await service_api.call("GET", "/license", key=helper)).data["domains"] == 1
