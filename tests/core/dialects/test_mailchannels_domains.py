"""MailChannels' dialect: domains one by one and by the thousand, their names, settings, aliases, servers."""

import pytest

from tests.factories.hosting import add_domain, audit_entries
from tests.factories.judged import hold
from tests.factories.mailchannels import HANDLE, speaking

_BATCH = f"/domains/batch?subscriptionHandle={HANDLE}"


@pytest.fixture
async def inbound(core):
    async with speaking(core) as client:
        yield client


async def test_a_domain_is_shown_as_it_was_described(inbound):
    servers = [{"priority": 5, "weight": 2, "port": 2525, "target": "mx.acme.example."}]
    settings = {
        "abusePolicy": "flag",
        "abusePolicyOverride": True,
        "spamHeaderName": "X-Junk",
        "spamHeaderValue": "yes",
    }
    made = await inbound.provision(
        "ACME.example",
        settings=settings,
        admins=["admin@acme.example"],
        downstreamAddresses=servers,
        aliases=["acme.test"],
    )
    listed = await inbound.call("GET", "/domains?domains=acme.example,none.example")

    assert made.body == {
        "domain": "acme.example",
        "subscriptionHandle": HANDLE,
        "settings": settings,
        "admins": ["admin@acme.example"],
        "downstreamAddresses": [{**servers[0], "target": "mx.acme.example"}],
        "aliases": ["acme.test"],
    }
    assert listed.body == {"domains": [made.body], "total": 1}


async def test_names_are_shown_in_unicode_whatever_form_they_came_in(inbound):
    made = await inbound.provision("xn--bcher-kva.example", aliases=["xn--bcher-kva.test"])
    alias = await inbound.call("POST", "/domains/bücher.example/alias/xn--mnchen-3ya.example")
    listed = await inbound.call("GET", "/domains?domains=bücher.example")
    item = await inbound.call("POST", "/lists/safelist", {"item": "xn--mnchen-3ya.example"})

    assert (made.body["domain"], made.body["aliases"]) == ("bücher.example", ["bücher.test"])
    assert alias.body["alias"] == "münchen.example"
    assert [each["domain"] for each in listed.body["domains"]] == ["bücher.example"]
    assert item.body == {"item": "münchen.example", "item_type": "domain", "action": "safelist"}


async def test_pages_of_domains_are_ten_long_unless_asked_and_know_the_total(inbound):
    await inbound.call("POST", _BATCH, {"domains": [{"domain": f"d{n:02}.example"} for n in range(13)]})
    first = await inbound.call("GET", "/domains")
    rest = await inbound.call("GET", "/domains?limit=5000&offset=10")
    seen = {each["domain"] for page in (first, rest) for each in page.body["domains"]}

    assert (len(first.body["domains"]), len(rest.body["domains"])) == (10, 3)
    assert (first.body["total"], rest.body["total"], len(seen)) == (13, 13, 13)


@pytest.mark.slow
async def test_a_thousand_domains_are_taken_on_and_let_go_each_with_its_result(inbound):
    wanted = [{"domain": f"d{number}.example"} for number in range(1000)]
    made = await inbound.call("POST", _BATCH, {"domains": wanted})
    gone = await inbound.call("POST", "/domains/batch/deprovision", {"domains": wanted})
    over = [
        (await inbound.call("POST", path, {"domains": [*wanted, {"domain": "one.example"}]})).status
        for path in (_BATCH, "/domains/batch/deprovision", "/domains/batch/login-link")
    ]

    assert {each["code"] for each in made.body["successes"]} == {201}
    assert [each["domain"]["domain"] for each in made.body["successes"]] == [one["domain"] for one in wanted]
    assert (len(gone.body["successes"]), gone.body["errors"], over) == (1000, [], [400, 400, 400])
    assert (await inbound.call("GET", "/domains")).body["total"] == 0


async def test_each_of_many_has_a_result_of_its_own(inbound):
    await add_domain(inbound.core, "globex.example", "globex")
    await inbound.provision("there.example")
    wanted = [
        {"domain": "new.example", "downstreamAddress": [{"target": "mx.new.example"}]},
        {"domain": "there.example"},
        {"domain": "globex.example"},
        {"domain": "co.uk"},
        {"domain": "new.example"},
    ]
    made = await inbound.call("POST", _BATCH, {"domains": wanted})
    names = [{"domain": name} for name in ("new.example", "globex.example", "none.example")]
    gone = await inbound.call("POST", "/domains/batch/deprovision", {"domains": names})

    good = [(each["domain"]["domain"], each["code"]) for each in made.body["successes"]]
    bad = [(each["domain"]["domain"], each["code"]) for each in made.body["errors"]]
    assert good == [("new.example", 201), ("there.example", 200)]
    assert bad == [("globex.example", 409), ("co.uk", 400), ("new.example", 409)]
    assert made.body["successes"][0]["domain"]["downstreamAddresses"][0]["target"] == "mx.new.example"
    assert all(each["comment"] for each in made.body["errors"])
    assert gone.body["successes"] == [{"domain": "new.example", "code": 200}]
    assert [each["code"] for each in gone.body["errors"]] == [404, 404]


async def test_what_is_there_stays_unless_it_is_to_be_overwritten(inbound):
    await inbound.provision("acme.example", admins=["a@acme.example"], aliases=["a.test"])
    again = await inbound.provision("acme.example", admins=["b@acme.example"])
    updates = len(await audit_entries(inbound.core, "domain.updated"))
    over = await inbound.provision("acme.example", "?overwrite=true", aliases=["b.test"])

    assert (again.status, again.body["admins"], updates) == (200, ["a@acme.example"], 0)
    assert (over.status, over.body["admins"], over.body["aliases"]) == (200, ["a@acme.example"], ["b.test"])


async def test_settings_that_are_left_out_stay_and_null_sets_them_back(inbound):
    await inbound.provision("acme.example", aliases=["a.test"], admins=["a@acme.example"])
    path = "/domains/acme.example/settings"
    await inbound.call("PUT", path, {"abusePolicy": "block", "spamHeaderName": "X-Junk"})
    one = await inbound.call("PUT", path, {"abusePolicyOverride": True, "aliases": ["b.test", "c.test"]})
    two = await inbound.call(
        "PUT", path, {"abusePolicy": None, "spamHeaderName": None, "abusePolicyOverride": None, "admins": []}
    )

    assert one.body["settings"] == {
        "abusePolicy": "block",
        "abusePolicyOverride": True,
        "spamHeaderName": "X-Junk",
    }
    assert (one.body["aliases"], one.body["admins"]) == (["b.test", "c.test"], ["a@acme.example"])
    assert two.body["settings"] == {"abusePolicy": "quarantine", "abusePolicyOverride": False}
    assert (two.body["aliases"], two.body["admins"]) == (["b.test", "c.test"], [])


async def test_a_name_is_the_domains_until_it_is_taken_off(inbound):
    await inbound.provision("acme.example")
    path = "/domains/acme.example/alias/acme.test"
    added = await inbound.call("POST", path)
    shown = (await inbound.call("GET", "/domains")).body["domains"][0]["aliases"]
    taken_off = await inbound.call("DELETE", path)
    left = (await inbound.call("GET", "/domains")).body["domains"][0]["aliases"]

    assert (added.status, added.body["alias"], shown) == (200, "acme.test", ["acme.test"])
    assert (taken_off.status, taken_off.raw, left) == (204, b"", [])


async def test_a_name_in_use_is_no_alias(inbound):
    for name in ("acme.example", "other.example"):
        await inbound.provision(name)
    taken = await inbound.call("POST", "/domains/acme.example/alias/other.example")
    put = await inbound.call("PUT", "/domains/acme.example/settings", {"aliases": ["other.example"]})
    long = await inbound.call("POST", f"/domains/acme.example/alias/{'a.' * 130}example")
    absent = await inbound.call("DELETE", "/domains/acme.example/alias/none.example")

    assert (taken.status, put.status, long.status, absent.status) == (409, 409, 400, 404)


async def test_downstream_addresses_are_replaced_as_a_whole_and_read_in_parts(inbound):
    await inbound.provision("acme.example")
    path = "/domains/acme.example/downstream-address"
    records = [{"priority": n, "weight": 1, "port": 25, "target": f"mx{n}.acme.example"} for n in range(10)]
    put = await inbound.call("PUT", path, {"records": records})
    part = await inbound.call("GET", f"{path}?limit=3&offset=8")
    over = await inbound.call("PUT", path, {"records": [*records, {"target": "mx.acme.example"}]})
    none = await inbound.call("PUT", path, {"records": []})

    assert (put.status, put.body["records"], part.body["records"]) == (201, records, records[8:])
    assert (over.status, none.status, none.body) == (400, 201, {"records": []})


async def test_a_domain_whose_mail_is_held_stays(inbound):
    await inbound.provision("acme.example")
    await hold(inbound.core)
    one = await inbound.call("DELETE", "/domains/acme.example")
    many = await inbound.call("POST", "/domains/batch/deprovision", {"domains": [{"domain": "acme.example"}]})

    assert (one.status, many.body["errors"][0]["code"]) == (409, 409)
