"""Aliases and pointers: who may give a name to a domain, and from when on it counts."""

from contextlib import AsyncExitStack

import pytest
from sqlalchemy import update

from core.api.app import create_app
from core.dns.answers import Answer
from core.reports.dmarc_store import home_of
from core.seam.parts import OwnDomains
from core.store import domains as stored
from core.store.tables import domains, pointers
from tests.factories.core import raw_mail
from tests.factories.core_api import make_core, serve
from tests.factories.hosting import add_domain
from tests.factories.seam import body

ACME = "/domains/acme.example"
SCOPES = ("domains:write", "forwarders:write")


@pytest.fixture
async def strict_core(database, buckets, tmp_path):
    """One that wants every name verified."""
    async with AsyncExitStack() as stack:
        yield await make_core(database, buckets, tmp_path / "core", stack, verify_domains=True)


@pytest.fixture
async def strict(strict_core):
    async with serve(strict_core, create_app(strict_core)) as api:
        made = (await api.call("POST", "/domains", {"name": "acme.example"})).data
        publish(strict_core, "acme.example", made["verification"]["value"])
        await api.call("POST", f"{ACME}/verify")
        yield api


def publish(core, name, value, state="found"):
    core.resolver.known[f"_mxhub-verify.{name}", "TXT"] = Answer(state=state, values=(value,))


async def token_of(api):
    return (await api.call("GET", ACME)).data["verification"]["value"]


async def handed_in(api, to, sender="jonas@partner.example"):
    raw = raw_mail(From=f"Jonas <{sender}>")
    return await api.call("POST", "/messages", body(raw, rcpt_to=[to], mail_from=sender, dry_run=True))


def naming(name):
    """Every way to give `acme.example` another name, with what each answers when it works."""
    item = {"name": "acme.example", "aliases": [name]}
    return [
        ("PUT", f"{ACME}/aliases/{name}", None),
        ("POST", f"{ACME}/pointers", {"pointer": name}),
        ("POST", f"{ACME}/pointers", {"pointer": name, "is_alias": False}),
        ("POST", "/domains?overwrite=true", item),
    ]


# -- who may --
@pytest.mark.parametrize("way", range(4))
async def test_a_key_of_one_domain_gives_it_no_name_that_it_may_not_add_as_a_domain(service_api, way):
    await add_domain(service_api.core, "acme.example")
    bound = await service_api.key(*SCOPES, domains=["acme.example"])
    method, path, json = naming("bank.example")[way]
    refused = await service_api.call(method, path, json, key=bound)
    as_domain = await service_api.call("POST", "/domains", {"name": "bank.example"}, key=bound)
    owner = await service_api.call("POST", "/domains", {"name": "bank.example"})

    assert (refused.status, as_domain.status, owner.status) == (403, 403, 201)
    assert refused.error["code"] == as_domain.error["code"]
    assert "bank.example" in refused.error["message"]


@pytest.mark.parametrize("way", range(4))
async def test_a_key_that_reaches_both_names_may(service_api, way):
    await add_domain(service_api.core, "acme.example")
    both = await service_api.key(*SCOPES, domains=["acme.example", "bank.example"])
    method, path, json = naming("Bank.Example")[way]
    assert (await service_api.call(method, path, json, key=both)).status in (200, 201)


async def test_a_new_domain_brings_no_name_along_that_its_key_does_not_reach(service_api):
    bound = await service_api.key(*SCOPES, domains=["acme.example", "own.example"])
    wanted = {"name": "acme.example", "aliases": ["own.example", "bank.example"]}
    one = await service_api.call("POST", "/domains", wanted, key=bound)
    batch = await service_api.call("POST", "/domains:batch", {"provision": [wanted]}, key=bound)

    assert one.status == 403
    assert [(each["domain"], each["code"]) for each in batch.data["errors"]] == [("acme.example", 403)]
    assert (await service_api.call("GET", ACME)).status == 404


async def test_names_that_a_domain_has_already_are_no_obstacle(service_api):
    await service_api.call("POST", "/domains", {"name": "acme.example", "aliases": ["bank.example"]})
    bound = await service_api.key(*SCOPES, domains=["acme.example"])
    wanted = {"name": "acme.example", "aliases": ["bank.example"], "admins": ["jo@acme.example"]}
    said = await service_api.call("POST", "/domains?overwrite=true", wanted, key=bound)

    assert (said.status, said.data["aliases"]) == (200, ["bank.example"])


# -- from when on --
@pytest.mark.parametrize("way", [0, 1, 3])
async def test_where_domains_are_verified_another_name_takes_mail_after_its_own_proof(strict, way):
    method, path, json = naming("bank.example")[way]
    assert (await strict.call(method, path, json)).status in (200, 201)
    before = await handed_in(strict, "cfo@bank.example")
    own = await handed_in(strict, "cfo@acme.example")
    missing = (await strict.call("POST", f"{ACME}/verify")).data["others"]
    publish(strict.core, "bank.example", await token_of(strict))
    found = (await strict.call("POST", f"{ACME}/verify")).data["others"]
    after = await handed_in(strict, "cfo@bank.example")

    assert (before.status, own.status, after.status) == (409, 200, 200)
    assert "bank.example takes no mail" in before.error["message"]
    assert [(one["name"], one["state"], one["record"]["host"]) for one in (*missing, *found)] == [
        ("bank.example", "missing", "_mxhub-verify.bank.example"),
        ("bank.example", "verified", "_mxhub-verify.bank.example"),
    ]
    assert (await strict.call("POST", f"{ACME}/verify")).data["others"] == []
    assert (await strict.call("GET", ACME)).data["pending_aliases"] == []


async def test_a_pointer_says_that_it_is_pending_until_it_is_proven(strict):
    made = await strict.call("POST", f"{ACME}/pointers", {"pointer": "bank.example"})
    before = (await strict.call("GET", f"{ACME}/pointers")).data
    publish(strict.core, "bank.example", await token_of(strict))
    await strict.call("POST", f"{ACME}/verify")
    after = (await strict.call("GET", f"{ACME}/pointers")).data

    assert [made.data["pending"], before[0]["pending"], after[0]["pending"]] == [True, True, False]


async def test_reports_and_lessons_of_a_name_without_proof_are_not_the_domains(strict):
    await strict.call("PUT", f"{ACME}/aliases/bank.example")
    found = []
    for value in ("something else", await token_of(strict)):
        publish(strict.core, "bank.example", value)
        await strict.call("POST", f"{ACME}/verify")
        async with strict.core.database.read() as tx:
            home = await home_of(tx, "bank.example")
            found.append((home and home.domain, await stored.name_of_alias(tx, "default", "bank.example")))

    assert found == [(None, None), ("acme.example", "acme.example")]


async def test_trouble_of_the_dns_proves_nothing_of_another_name(strict):
    await strict.call("PUT", f"{ACME}/aliases/bank.example")
    publish(strict.core, "bank.example", await token_of(strict), state="failed")
    (said,) = (await strict.call("POST", f"{ACME}/verify")).data["others"]

    assert said["state"] == "unknown"
    assert (await strict.call("GET", ACME)).data["pending_aliases"] == ["bank.example"]


async def test_the_proof_of_one_domain_proves_no_name_of_another(strict):
    other = (await strict.call("POST", "/domains", {"name": "globex.example"})).data
    await strict.call("PUT", f"{ACME}/aliases/bank.example")
    publish(strict.core, "bank.example", other["verification"]["value"])
    (said,) = (await strict.call("POST", f"{ACME}/verify")).data["others"]

    assert said["state"] == "missing"


async def test_an_alias_that_was_proven_stays_so_while_others_come_and_go(strict):
    await strict.call("PUT", f"{ACME}/aliases/bank.example")
    publish(strict.core, "bank.example", await token_of(strict))
    await strict.call("POST", f"{ACME}/verify")
    added = await strict.call("PUT", f"{ACME}/aliases/later.example")
    gone = await strict.call("DELETE", f"{ACME}/aliases/later.example")

    assert (added.data["aliases"], added.data["pending_aliases"]) == (
        ["bank.example", "later.example"],
        ["later.example"],
    )
    assert (gone.data["aliases"], gone.data["pending_aliases"]) == (["bank.example"], [])


async def test_what_was_suspended_before_its_proof_is_not_active_after(strict):
    await strict.call("POST", "/domains", {"name": "globex.example"})
    suspended = await strict.call("PATCH", "/domains/globex.example", {"status": "suspended"})
    active = await strict.call("PATCH", "/domains/globex.example", {"status": "active"})

    assert (suspended.status, active.status) == (200, 409)
    assert (await strict.call("GET", "/domains/globex.example")).data["status"] == "suspended"


# -- whose mail comes from within --
async def names_of(core, name, **options):
    async with core.database.read() as tx:
        return await OwnDomains(**options).get(tx, await stored.find(tx, "default", name))


async def test_names_count_for_those_domains_only_that_the_same_key_holds(service_api, core):
    tied = [await service_api.key("full-admin") for _ in range(2)]
    for key, name in zip(tied, ("acme", "globex"), strict=True):
        wanted = {"name": f"{name}.example", "aliases": [f"{name}.test"]}
        await service_api.call("POST", "/domains?associate_key=true", wanted, key=key)
    await service_api.call("POST", "/domains?associate_key=true", {"name": "more.example"}, key=tied[0])
    await service_api.call("POST", "/domains/globex.example/pointers", {"pointer": "gmail.com"}, key=tied[1])

    assert await names_of(core, "acme.example") == {"acme.example", "acme.test", "more.example"}
    assert await names_of(core, "globex.example") == {"globex.example", "globex.test", "gmail.com"}


async def test_names_of_one_customer_say_nothing_of_anothers_mail(service_api, core):
    for name in ("acme.example", "globex.example"):
        await add_domain(core, name)
    async with core.database.begin() as tx:
        mine = domains.c.name == "acme.example"
        await tx.execute(update(domains).where(mine).values(customer_id="cus_1"))

    assert await names_of(core, "acme.example") == {"acme.example"}


async def test_a_name_without_proof_is_nobodys(strict, strict_core):
    for name in ("globex.example", "proven.example"):
        await strict.call("POST", "/domains", {"name": name})
    async with strict_core.database.begin() as tx:
        proven = domains.c.name == "proven.example"
        await tx.execute(update(domains).where(proven).values(verified=True, status="active"))
    await strict.call("PUT", f"{ACME}/aliases/bank.example")
    await strict.call("POST", f"{ACME}/pointers", {"pointer": "gmail.com"})
    before = await names_of(strict_core, "acme.example", must_verify=True)
    async with strict_core.database.begin() as tx:
        await tx.execute(update(pointers).values(pending=False))

    assert before == {"acme.example", "proven.example"}
    assert await names_of(strict_core, "acme.example", must_verify=True) == {*before, "gmail.com"}


async def test_mail_from_a_name_that_another_key_took_is_judged_as_everybodys(service_api):
    keys = [await service_api.key("full-admin") for _ in range(2)]
    for key, name in zip(keys, ("acme", "globex"), strict=True):
        path = "/domains?associate_key=true"
        await service_api.call("POST", path, {"name": f"{name}.example"}, key=key)
    await service_api.call("PUT", "/domains/globex.example/aliases/partner.example", key=keys[1])
    raw, outside = raw_mail(From="Jonas <jonas@partner.example>"), {"rdns": "host.elsewhere.example"}
    found = []
    for key, name in zip(keys, ("acme.example", "globex.example"), strict=True):
        wanted = body(raw, rcpt_to=[f"x@{name}"], dry_run=True, **outside)
        symbols = (await service_api.call("POST", "/messages", wanted, key=key)).data["symbols"]
        found.append("OWN_DOMAIN_FROM_OUTSIDE" in {one["name"] for one in symbols})

    assert found == [False, True]
