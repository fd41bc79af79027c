"""Scans, health, repair and DMARC policies over the API: a real name server shows what a strict Cloudflare
holds, for a domain whose mail lies at a strict MXroute.
"""

from dataclasses import replace

import pytest

from core.service import dns as service
from core.service.expected import expected
from core.service.patience import patiently
from hub.sdk.testing import Reply
from hub.web.errors import NotFound
from tests.factories.cloudflare import TOKEN
from tests.factories.core_api import OPERATOR_BY
from tests.factories.hosting import add_domain, audit_entries, events
from tests.factories.managed import DKIM, managed
from tests.factories.mxroute import SERVER, VERIFICATION, Hosted

DEFAULT = "v=DMARC1; p=none"
STRICT = "v=DMARC1; p=reject; sp=reject; aspf=r"
ALL = ["verification", "mail", "mx", "spf", "dkim", "dmarc"]
DOMAIN = "/domains/example.com"


@pytest.fixture
async def world(database, buckets, tmp_path):
    async with managed(database, buckets, tmp_path / "core") as world:
        yield world


async def repaired(world):
    said = await world.call("POST", f"{DOMAIN}/dns/fix", {})
    world.publish()
    return said.data


# -- repair --
async def test_a_repair_writes_what_the_mail_host_wants_and_health_sees_it(world):
    before = (await world.call("GET", f"{DOMAIN}/dns/health")).data
    done = await repaired(world)
    after = (await world.call("GET", f"{DOMAIN}/dns/health")).data

    assert (before["overall"], after["overall"]) == ("unhealthy", "healthy")
    assert (done["fixed"], done["failed"]) == (ALL, [])
    assert world.holds("MX", "example.com") == [SERVER, f"relay.{SERVER}"]
    assert world.holds("TXT", "x._domainkey.example.com") == [DKIM]
    assert world.holds("TXT", f"{VERIFICATION['name']}.example.com") == [VERIFICATION["value"]]
    assert world.holds("CNAME", "webmail.example.com") == []


async def test_a_second_repair_finds_nothing_to_do_and_is_not_on_record(world):
    await repaired(world)
    again = await repaired(world)

    assert (again["fixed"], again["failed"]) == ([], [])
    assert len(await audit_entries(world.api.core, "dns.fix")) == 1
    assert len(await events(world.api.core, "dns.fix")) == 1


async def test_webmail_is_written_when_it_is_named(world):
    said = await world.call("POST", f"{DOMAIN}/dns/fix", {"records": ["webmail"]})

    assert (said.data["fixed"], world.holds("CNAME", "webmail.example.com")) == (["webmail"], [SERVER])
    assert world.holds("MX", "example.com") == []


async def test_a_record_that_is_not_known_is_named(world):
    said = await world.call("POST", f"{DOMAIN}/dns/fix", {"records": ["txt"]})
    assert (said.status, said.error["details"][0]["field"]) == (400, "records")


async def test_without_a_provider_a_repair_is_a_conflict(service_api):
    await add_domain(service_api.core)
    one = await service_api.call("POST", f"{DOMAIN}/dns/fix", {})
    many = await service_api.call("POST", "/dns/fix-bulk", {})
    status = await service_api.call("GET", "/cloudflare/status")

    assert (one.status, many.status, status.data["configured"]) == (409, 409, False)


async def test_trouble_of_the_dns_writes_nothing_and_is_no_bad_record(world):
    await repaired(world)
    written = len(world.cloudflare.writes)
    service.forget(world.api.core)
    world.dns.modes["*"] = "servfail"
    health = (await world.call("GET", f"{DOMAIN}/dns/health")).data
    done = (await world.call("POST", f"{DOMAIN}/dns/fix", {})).data

    assert health["overall"] == "unknown"
    checks = health["checks"].values()
    assert {each["status"] for each in checks} == {"pending"}
    assert all(each["temporary"] for each in checks)
    assert (done["fixed"], done["failed"], len(world.cloudflare.writes)) == ([], [], written)


async def test_trouble_of_the_mail_host_is_told_as_theirs(world):
    world.mxroute.always = Reply(status=500)
    said = await world.call("GET", f"{DOMAIN}/dns/health")

    assert (said.status, said.error["code"]) == (502, "UPSTREAM_ERROR")


async def test_a_domain_that_the_mail_host_does_not_know_waits_for_its_registration(world):
    del world.mxroute.domains["example.com"]
    said = (await world.call("GET", f"{DOMAIN}/dns/setup-health")).data
    done = (await world.call("POST", f"{DOMAIN}/dns/fix", {})).data

    assert (said["registered"], said["checks"]["mx"]["status"], said["provider"]) == (
        False,
        "pending",
        "Cloudflare",
    )
    assert done["fixed"] == ["verification"]


# -- DMARC --
async def test_a_stricter_record_is_not_overwritten_by_the_default(world):
    world.cloudflare.add("example.com", "TXT", "_dmarc.example.com", f'"{STRICT}"')
    world.publish()
    done = await repaired(world)

    assert world.holds("TXT", "_dmarc.example.com") == [STRICT]
    assert "dmarc" in done["skipped"]
    assert any("kept, because the default is weaker" in step for step in done["steps"])


async def test_the_domains_own_policy_is_written_whatever_stands_there(world):
    world.cloudflare.add("example.com", "TXT", "_dmarc.example.com", f'"{STRICT}"')
    world.publish()
    own = "v=DMARC1; p=quarantine"
    await world.call("PATCH", f"{DOMAIN}/dmarc-policy", {"dmarc_record": own})
    await repaired(world)

    assert world.holds("TXT", "_dmarc.example.com") == [own]


async def test_a_policy_is_set_shown_and_cleared_and_each_change_is_told_once(world):
    default = {"custom": False, "default": DEFAULT, "effective": DEFAULT, "custom_value": None}
    custom = {"custom": True, "default": DEFAULT, "effective": STRICT, "custom_value": STRICT}
    path = f"{DOMAIN}/dmarc-policy"
    first = await world.call("GET", path)
    second = await world.call("PATCH", path, {"dmarc_record": STRICT})
    same = await world.call("PATCH", path, {"dmarc_record": STRICT})
    shown = await world.call("GET", path)
    cleared = await world.call("PATCH", path, {"dmarc_record": None})

    assert [each.data for each in (first, second, same, shown, cleared)] == [
        default,
        custom,
        custom,
        custom,
        default,
    ]
    told = await events(world.api.core, "dmarc.policy_changed")
    assert [(each["data"]["previous"], each["data"]["effective"]) for each in told] == [
        (DEFAULT, STRICT),
        (STRICT, DEFAULT),
    ]
    entries = await audit_entries(world.api.core)
    assert [each["action"] for each in entries if "dmarc" in each["action"]] == [
        "dns.dmarc_policy_update",
        "dns.dmarc_policy_clear",
    ]


@pytest.mark.parametrize(
    "record", ["", "v=DMARC1", "v=DMARC1; p=all", "p=none", "v=DMARC1; p=none; p=reject", "x" * 5000]
)
async def test_a_policy_with_errors_is_refused(service_api, record):
    await add_domain(service_api.core)
    said = await service_api.call("PATCH", f"{DOMAIN}/dmarc-policy", {"dmarc_record": record})

    assert (said.status, said.error["details"][0]["field"]) == (400, "dmarc_record")
    assert not (await service_api.call("GET", f"{DOMAIN}/dmarc-policy")).data["custom"]


async def test_a_body_without_a_policy_clears_nothing(service_api):
    await add_domain(service_api.core)
    await service_api.call("PATCH", f"{DOMAIN}/dmarc-policy", {"dmarc_record": STRICT})

    assert (await service_api.call("PATCH", f"{DOMAIN}/dmarc-policy", {})).status == 400
    assert (await service_api.call("GET", f"{DOMAIN}/dmarc-policy")).data["custom_value"] == STRICT


# -- many domains --
async def test_a_bulk_repair_leaves_the_healthy_alone_and_tells_of_each(world):
    await repaired(world)
    for name in ("second.example", "third.example"):
        await add_domain(world.api.core, name)
        world.mxroute.domains[name] = Hosted(dkim=DKIM)
    world.cloudflare.zones["second.example"] = {}
    said = await world.call("POST", "/dns/fix-bulk", {"only_unhealthy": True})

    assert said.data["healthy"] == ["example.com"]
    assert said.data["domains"] == ["second.example", "third.example"]
    assert (
        said.data["results"]["second.example"]["fixed"],
        world.holds("CNAME", "webmail.second.example"),
    ) == (
        ALL,
        [],
    )
    assert said.data["results"]["third.example"]["success"] is False
    assert "no zone" in said.data["results"]["third.example"]["error"]
    assert [each["domain"] for each in await events(world.api.core, "dns.fix")] == [
        "example.com",
        "second.example",
    ]
    (whole,) = await events(world.api.core, "dns.fix_bulk")
    assert (whole["data"]["fixed"], whole["data"]["failed"]) == (["second.example"], ["third.example"])


async def test_a_bulk_repair_reaches_what_the_key_reaches(world):
    await add_domain(world.api.core, "second.example")
    await add_domain(world.api.core, "foreign.example", "other")
    key = await world.api.key("dns", domains=["second.example"])
    own = await world.call("POST", "/dns/fix-bulk", {}, key=key)
    named = {"domains": ["example.com", "foreign.example"]}
    others = await world.call("POST", "/dns/fix-bulk", named, key=key)

    assert own.data["domains"] == ["second.example"]
    assert [each["error"] for each in others.data["results"].values()] == [
        "There is no domain example.com.",
        "There is no domain foreign.example.",
    ]
    assert world.cloudflare.writes == []


async def test_a_bulk_repair_of_a_tied_domain_is_told_to_its_key_alone(world):
    await add_domain(world.api.core, "second.example")
    world.mxroute.domains["second.example"] = Hosted(dkim=DKIM)
    world.cloudflare.zones["second.example"] = {}
    owner = await world.api.key("full-admin")
    await world.call("PUT", "/domains/second.example/api-key", {}, key=owner)
    await world.call("POST", "/dns/fix-bulk", {}, key=owner)
    shown = {}
    for name, key in (("owner", owner), ("other", await world.api.key("full-admin"))):
        told = (await world.call("GET", "/events?event=dns.fix_bulk", key=key)).data
        log = (await world.call("GET", "/audit/logs?action=dns.fix_bulk", key=key)).data
        shown[name] = [sorted(each["data"]["fixed"] for each in told), "second.example" in str(log), len(log)]

    assert shown["owner"] == [[["example.com"], ["second.example"]], True, 2]
    assert shown["other"] == [[["example.com"]], False, 1]


async def test_the_trouble_of_one_does_not_touch_the_others(world):
    await add_domain(world.api.core, "second.example")
    world.mxroute.domains["second.example"] = Hosted(dkim=DKIM)
    world.cloudflare.zones["second.example"] = {}
    world.cloudflare.broken_names.add("mail.example.com")
    said = await world.call("POST", "/dns/fix-bulk", {"domains": ["example.com", "second.example"]})

    results = said.data["results"]
    assert (results["example.com"]["success"], results["second.example"]["success"]) == (False, True)
    assert results["example.com"]["fixed"] == ["verification"]
    (entry,) = [
        each for each in await audit_entries(world.api.core, "dns.fix") if each["domain"] == "example.com"
    ]
    assert entry["result"] == "failure"


# -- scan --
async def test_a_scan_is_kept_and_told(world):
    await repaired(world)
    said = await world.call("POST", f"{DOMAIN}/scan")

    assert said.status == 200
    assert (said.data["overall"], said.data["complete"], said.data["dmarc"]["policy"]) == (
        "healthy",
        True,
        "none",
    )
    assert (said.data["spf"]["dnsLookups"], said.data["dkim"][0]["selector"]) == (1, "x")
    kept = await service.last_scan(world.api.core, OPERATOR_BY, "example.com")
    assert (kept.id, kept.found["spf"]["valid"]) == (said.data["id"], True)
    (told,) = await events(world.api.core, "domain.scan.completed")
    assert (told["data"]["scan_id"], told["domain"]) == (kept.id, "example.com")


async def test_a_scan_that_the_dns_does_not_answer_says_unknown(world):
    world.dns.modes["*"] = "refused"
    said = await world.call("POST", f"{DOMAIN}/scan", {"selectors": ["x"]})

    assert (said.data["overall"], said.data["complete"]) == ("unknown", False)
    assert (said.data["dmarc"]["found"], said.data["spf"]["found"]) == (None, None)


async def test_scans_beyond_a_number_give_way(service_api, monkeypatch):
    monkeypatch.setattr("core.store.dns._KEPT", 2)
    await add_domain(service_api.core)
    ids = []
    for _ in range(3):
        service_api.core.clock.advance(1)
        ids.append((await service_api.call("POST", f"{DOMAIN}/scan", {"selectors": ["x"]})).data["id"])

    assert await snapshot_ids(service_api.core) == ids[1:]


async def snapshot_ids(core):
    from sqlalchemy import select

    from core.store.tables import dns_snapshots

    async with core.database.read() as tx:
        return list((await tx.execute(select(dns_snapshots.c.id).order_by(dns_snapshots.c.at_ms))).scalars())


async def test_what_is_no_selector_is_refused(service_api):
    await add_domain(service_api.core)
    said = await service_api.call("POST", f"{DOMAIN}/scan", {"selectors": ["a.b"]})
    assert (said.status, said.error["details"][0]["field"]) == (400, "selectors")


# -- the provider, and what is expected --
async def test_whether_records_can_be_written(world):
    good = await world.call("GET", "/cloudflare/status")
    world.cloudflare.status = "disabled"
    bad = await world.call("GET", "/cloudflare/status")

    assert (good.data["configured"], good.data["provider"], good.data["working"]) == (
        True,
        "Cloudflare",
        True,
    )
    assert (bad.data["working"], TOKEN in bad.raw.decode()) == (False, False)


async def test_the_services_own_mail_servers_go_before_the_mail_hosts(world):
    config = type(world.api.core.config).model_validate(
        {"mail_servers": [{"host": "mx1.filter.example", "priority": 5}], "spf_record": "v=spf1 mx -all"}
    )
    core = replace(world.api.core, config=config)
    found = await expected(core, "default", "example.com")

    assert [(each.priority, each.host) for each in found.mx] == [(5, "mx1.filter.example")]
    assert (found.spf, found.dkim.value) == ("v=spf1 mx -all", DKIM)


async def test_nothing_is_expected_of_another_tenants_domain(core):
    await add_domain(core, "foreign.example", "other")
    with pytest.raises(NotFound):
        await expected(core, "default", "foreign.example")


async def test_an_unproven_domain_is_expected_to_show_its_token(core):
    from sqlalchemy import update

    from core.store.tables import domains

    await add_domain(core)
    async with core.database.begin() as tx:
        await tx.execute(update(domains).values(verified=False, verify_token="mxhub-verify=abc"))
    found = await expected(core, "default", "example.com")

    assert (found.verification.name, found.verification.value) == (
        "_mxhub-verify.example.com",
        "mxhub-verify=abc",
    )


async def test_work_over_many_domains_waits_when_the_mail_host_asks_to(world):
    limited = Reply(status=429, headers={"Retry-After": "0"}, json={"success": False})
    world.mxroute.next = [limited, limited]
    found = await patiently(lambda: expected(world.api.core, "default", "example.com"))

    assert found.spf == "v=spf1 include:mxroute.com -all"
