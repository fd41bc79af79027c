"""MailChannels' dialect: which key reaches which domain, and which subscription it belongs to."""

import pytest

from core.service import api_keys, tenants
from tests.factories.core_api import OPERATOR_BY
from tests.factories.hosting import add_domain, audit_entries
from tests.factories.mailchannels import HANDLE, key, key_made, speaking, subscribe


@pytest.fixture
async def inbound(core):
    async with speaking(core) as client:
        yield client


async def names(inbound, who=None):
    said = await inbound.call("GET", "/domains", key=who or inbound.admin)
    return sorted(each["domain"] for each in said.body["domains"])


# -- which domains -------------------------------------------------------------------------------------------
async def test_a_domain_of_no_key_is_every_keys(inbound):
    other = await key(inbound.core)
    await inbound.provision("acme.example")
    changed = await inbound.call("PUT", "/domains/acme.example/settings", {"abusePolicy": "flag"}, key=other)

    assert (await names(inbound, other), changed.status) == (["acme.example"], 200)


async def test_only_its_own_key_lists_edits_and_deprovisions_a_domain(inbound):
    other = await key(inbound.core)
    await inbound.provision("open.example")
    await inbound.provision("tied.example", "?associate-key=true")
    asked = [
        ("GET", "/domains/tied.example/downstream-address", None),
        ("PUT", "/domains/tied.example/downstream-address", {"records": []}),
        ("PUT", "/domains/tied.example/settings", {"abusePolicy": "flag"}),
        ("PUT", "/domains/tied.example/api-key", {"apiKey": other}),
        ("POST", "/domains/tied.example/alias/other.example", None),
        ("GET", "/domains/tied.example/login-link", None),
        ("GET", "/domains/tied.example/lists/safelist", None),
        ("PUT", "/users?email_address=anna@tied.example&admin=false", {}),
        ("GET", "/users/anna@tied.example/lists/safelist", None),
        ("DELETE", "/domains/tied.example", None),
    ]
    refused = [(await inbound.call(*one, key=other)).status for one in asked]
    again = await inbound.provision("tied.example", key=other)
    batch = await inbound.call(
        "POST", "/domains/batch/deprovision", {"domains": [{"domain": "tied.example"}]}, key=other
    )

    assert refused == [403] * len(asked)
    assert (again.status, batch.body["errors"][0]["code"]) == (409, 404)
    assert (await names(inbound, other), await names(inbound)) == (
        ["open.example"],
        ["open.example", "tied.example"],
    )
    assert (await inbound.call("DELETE", "/domains/tied.example")).status == 204


async def test_a_key_for_each_server_opens_its_servers_domains_only(inbound):
    servers = [await key(inbound.core) for _ in range(2)]
    for number, server in enumerate(servers):
        for domain in range(2):
            await inbound.provision(f"d{domain}.server{number}.example", "?associate-key", key=server)
    stolen = await inbound.call(
        "POST",
        "/domains/batch/deprovision",
        {"domains": [{"domain": f"d{n}.server{s}.example"} for s in range(2) for n in range(2)]},
        key=servers[1],
    )

    assert [each["domain"] for each in stolen.body["successes"]] == [
        "d0.server1.example",
        "d1.server1.example",
    ]
    assert await names(inbound, servers[0]) == ["d0.server0.example", "d1.server0.example"]


async def test_the_flag_ties_what_is_there_already_without_changing_it(inbound):
    other = await key(inbound.core)
    await inbound.provision("acme.example", admins=["admin@acme.example"])
    again = await inbound.provision("acme.example", "?associate-key=true", admins=["x@acme.example"])

    assert (again.status, again.body["admins"]) == (200, ["admin@acme.example"])
    assert await names(inbound, other) == []


async def test_a_tie_is_changed_by_whoever_holds_it(inbound):
    first, second = [await key(inbound.core) for _ in range(2)]
    await inbound.provision("acme.example", "?associate-key=true", key=first)
    path = "/domains/acme.example/api-key"
    handed = await inbound.call("PUT", path, {"apiKey": second}, key=first)
    back = await inbound.call("PUT", path, {"apiKey": first}, key=first)

    assert (handed.status, handed.raw, back.status) == (204, b"", 403)
    assert (await names(inbound, first), await names(inbound, second)) == ([], ["acme.example"])
    assert second not in str(await audit_entries(inbound.core))


async def test_a_domain_is_handed_to_no_key_that_could_not_manage_it(inbound):
    await inbound.provision("acme.example")
    keys = [
        "mck_live_" + "x" * 43,
        "x" * 257,
        await key(inbound.core, tenant="globex"),
        await key(inbound.core, "read-only"),
        await key(inbound.core, domains=("other.example",)),
    ]
    said = [await inbound.call("PUT", "/domains/acme.example/api-key", {"apiKey": one}) for one in keys]

    assert [one.status for one in said] == [400] * len(keys)
    assert all(one.body["errors"][0].startswith("apiKey: ") for one in said)
    assert all(given not in one.raw.decode() for given, one in zip(keys, said, strict=True))
    assert await names(inbound, keys[3]) == ["acme.example"]


async def test_deleting_a_key_frees_its_domains(inbound):
    made = await key_made(inbound.core, "server")
    await inbound.provision("acme.example", "?associate-key=true", key=made.text)
    before = await names(inbound)
    await api_keys.delete(inbound.core, OPERATOR_BY, made.key.id)

    assert (before, await names(inbound)) == ([], ["acme.example"])


async def test_another_customers_domains_are_as_those_that_nobody_has(inbound):
    await add_domain(inbound.core, "globex.example", "globex")
    foreign, unknown = [
        await inbound.call("GET", f"/domains/{name}/downstream-address")
        for name in ("globex.example", "nobody.example")
    ]
    taken = await inbound.provision("globex.example")

    assert (foreign.status, unknown.status, taken.status) == (404, 404, 409)
    assert foreign.raw.replace(b"globex", b"") == unknown.raw.replace(b"nobody", b"")
    assert await names(inbound) == []


async def test_an_alias_is_no_domain_to_ask_about(inbound):
    await inbound.provision("acme.example", aliases=["acme.test"])
    said = await inbound.call("GET", "/domains/acme.test/downstream-address")

    assert (said.status, "alias" in said.body["message"]) == (403, True)


# -- subscriptions -------------------------------------------------------------------------------------------
async def test_a_handle_must_be_the_domains_own(inbound):
    await subscribe(inbound.core, "sub-second")
    await tenants.make(inbound.core, OPERATOR_BY, "globex", "owner@globex.example")
    await subscribe(inbound.core, "sub-foreign", tenant="globex")
    await inbound.provision("acme.example")
    path = "/domains/acme.example/downstream-address?subscriptionHandle="
    statuses = {
        handle: (await inbound.call("GET", path + handle)).status
        for handle in (HANDLE, "sub-second", "sub-foreign", "none")
    }
    listed = [
        (await inbound.call("GET", f"/domains?subscriptionHandle={one}")).body["total"]
        for one in (HANDLE, "sub-second", "none")
    ]

    assert statuses == {HANDLE: 200, "sub-second": 404, "sub-foreign": 403, "none": 403}
    assert listed == [1, 0, 0]


async def test_a_domain_without_a_subscription_is_not_taken_on(inbound):
    missing = await inbound.call("POST", "/domains", {"domain": "acme.example"})
    foreign = await inbound.call("POST", "/domains", {"domain": "acme.example", "subscriptionHandle": "none"})
    by_query = await inbound.call("POST", f"/domains?subscriptionHandle={HANDLE}", {"domain": "acme.example"})

    assert (missing.status, missing.body["errors"][0].partition(":")[0]) == (400, "subscriptionHandle")
    assert (foreign.status, by_query.status) == (403, 201)
    assert by_query.body["subscriptionHandle"] == HANDLE


async def test_a_full_subscription_takes_no_domain_and_of_many_none(inbound):
    await subscribe(inbound.core, "sub-small", limits={"domains": 2})
    body = {"domains": [{"domain": f"d{number}.example"} for number in range(3)]}
    many = await inbound.call("POST", "/domains/batch?subscriptionHandle=sub-small", body)
    none = await names(inbound)
    for number in range(2):
        await inbound.call(
            "POST", "/domains", {"domain": f"d{number}.example", "subscriptionHandle": "sub-small"}
        )
    one = await inbound.call("POST", "/domains", {"domain": "d9.example", "subscriptionHandle": "sub-small"})
    shown = {each["handle"]: each for each in (await inbound.call("GET", "/subscriptions")).body}

    assert (many.status, none, one.status) == (403, [], 403)
    assert shown["sub-small"] == {
        "handle": "sub-small",
        "active": True,
        "plan": {"handle": "inbound", "name": "inbound"},
        "limits": [{"featureHandle": "domains", "value": "2"}],
        "activeAccountsCount": 2,
    }
