"""Writing records: a real name server shows what a strict Cloudflare holds."""

from dataclasses import replace

import pytest

from core.dns.cloudflare import Cloudflare
from core.dns.expected import DmarcPolicy, check_policy
from core.dns.fix import UnknownRecord, fix, fix_bulk
from core.dns.names import BadName
from core.dns.zonetext import unquoted
from core.upstream.errors import NotAuthorised, NotThere
from hub.sdk.http import Client
from hub.sdk.testing import Reply, StrictServer
from tests.core.dns.hosted import DEFAULT, EXPECTED, KEY
from tests.factories.cloudflare import TOKEN, PlayedCloudflare

STRICT = "v=DMARC1; p=reject; sp=reject; rua=mailto:d@example.com"
ALL = ("verification", "mail", "mx", "spf", "dkim", "dmarc")


class World:
    """A provider's zone, and a DNS that shows it."""

    def __init__(self, played, zone, resolver, provider):
        self.played, self.zone, self.resolver, self.provider = played, zone, resolver, provider

    def publish(self):
        """The DNS shows what the provider holds."""
        shown = {"host.example": {"TXT": ["v=spf1 -all"]}, "mx1.host.example": {"A": ["192.0.2.1"]}}
        shown["mx2.host.example"] = {"A": ["192.0.2.2"]}
        for records in self.played.zones.values():
            for each in records.values():
                content = unquoted(each["content"]) if each["type"] == "TXT" else each["content"]
                text = f"{each['priority']} {content}" if each["type"] == "MX" else content
                shown.setdefault(each["name"], {}).setdefault(each["type"], []).append(text)
        self.zone.zone = shown

    def add(self, kind, name, content, **more):
        content = f'"{content}"' if kind == "TXT" else content
        self.played.add("example.com", kind, name, content, **more)
        self.publish()

    def texts(self, name):
        return [unquoted(each) for each in self.played.contents("TXT", name)]

    async def fix(self, records=None, expected=EXPECTED, domain="example.com"):
        return await fix(domain, records, self.provider, expected=expected, resolver=self.resolver)


@pytest.fixture
async def world(zone, resolver):
    async with StrictServer() as server, Client(deadline_s=5, allow_networks=["127.0.0.0/8"]) as client:
        played = PlayedCloudflare(server)
        played.zones["example.com"] = {}
        world = World(played, zone, resolver, Cloudflare(client, TOKEN, url=played.url))
        world.publish()
        yield world


async def test_everything_that_is_missing_is_written_but_webmail(world):
    done = await world.fix()

    assert (done.fixed, done.skipped, done.failed) == (ALL, (), ())
    assert world.texts("example.com") == [EXPECTED.spf]
    assert world.texts("_dmarc.example.com") == [DEFAULT]
    assert world.texts("x._domainkey.example.com") == [KEY]
    assert sorted(world.played.contents("MX", "example.com")) == ["mx1.host.example", "mx2.host.example"]
    assert world.played.contents("CNAME", "webmail.example.com") == []


async def test_a_second_fix_finds_nothing_to_do(world):
    await world.fix()
    world.publish()
    writes = len(world.played.writes)
    again = await world.fix()

    assert (again.fixed, set(again.skipped), len(world.played.writes)) == ((), set(ALL), writes)


async def test_a_second_fix_before_the_dns_shows_the_first_writes_nothing(world):
    await world.fix()
    writes = len(world.played.writes)
    again = await world.fix()

    assert (again.fixed, len(world.played.writes)) == ((), writes)


async def test_webmail_is_written_when_it_is_named(world):
    done = await world.fix(["webmail"])

    assert (done.fixed, done.skipped) == (("webmail",), ())
    assert world.played.contents("CNAME", "webmail.example.com") == ["srv.host.example"]


async def test_only_what_is_named_is_written(world):
    done = await world.fix(["SPF", "dkim", "spf"])

    assert done.fixed == ("spf", "dkim")
    assert {name for _, _, name in world.played.writes} == {"example.com", "x._domainkey.example.com"}


async def test_unknown_names_are_refused_before_anything_is_done(world):
    with pytest.raises(UnknownRecord, match="bimi"):
        await world.fix(["spf", "bimi"])
    with pytest.raises(BadName):
        await world.fix(domain="not a domain")

    assert world.played.writes == []


# -- the DMARC trap --
@pytest.mark.parametrize("records", [None, ["dmarc"]])
@pytest.mark.parametrize(
    "live",
    [
        STRICT,
        "v=DMARC1; p=quarantine",
        "v=DMARC1; p=none; sp=reject",
        "v=DMARC1; p=none; np=reject",
        "v=DMARC1; p=none; aspf=s",
        "v=DMARC1; p=none; rua=mailto:d@example.com",
        "v=DMARC1; p=reject; nonsense",
    ],
)
async def test_a_stricter_record_is_never_overwritten_by_the_default(world, live, records):
    world.add("TXT", "_dmarc.example.com", live)
    done = await world.fix(records)

    assert "dmarc" in done.skipped
    assert world.texts("_dmarc.example.com") == [live]
    assert any("set a policy for this domain" in step for step in done.steps)


async def test_a_policy_of_the_domains_own_is_written_over_a_stricter_record(world):
    world.add("TXT", "_dmarc.example.com", STRICT)
    policy = DmarcPolicy(default=DEFAULT, custom="v=DMARC1; p=none")
    done = await world.fix(["dmarc"], replace(EXPECTED, dmarc=policy))

    assert done.fixed == ("dmarc",)
    assert world.texts("_dmarc.example.com") == ["v=DMARC1; p=none"]


async def test_a_stricter_default_replaces_a_weaker_record(world):
    world.add("TXT", "_dmarc.example.com", "v=DMARC1; p=none")
    done = await world.fix(["dmarc"], replace(EXPECTED, dmarc=DmarcPolicy(default="v=DMARC1; p=reject")))

    assert done.fixed == ("dmarc",)
    assert world.texts("_dmarc.example.com") == ["v=DMARC1; p=reject"]


async def test_what_the_dns_shows_counts_too_when_the_zone_is_served_elsewhere(world):
    world.zone.zone["_dmarc.example.com"] = {"TXT": [STRICT]}
    done = await world.fix(["dmarc"])

    assert (done.skipped, world.texts("_dmarc.example.com")) == (("dmarc",), [])


async def test_a_subdomain_keeps_the_policy_from_above(world):
    world.zone.zone["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=none; sp=reject"]}
    done = await world.fix(None, domain="sub.example.com")

    assert "dmarc" in done.skipped
    assert world.texts("_dmarc.sub.example.com") == []


@pytest.mark.parametrize("mode", ["servfail", "refused"])
async def test_while_the_policy_cannot_be_told_none_is_written(world, mode):
    world.zone.modes["_dmarc.example.com"] = mode
    done = await world.fix(["dmarc"])

    assert (done.skipped, world.texts("_dmarc.example.com")) == (("dmarc",), [])


async def test_a_policy_with_errors_is_not_published(world):
    done = await world.fix(["dmarc"], replace(EXPECTED, dmarc=DmarcPolicy(custom="v=DMARC1; p=rejct")))

    assert (done.skipped, world.texts("_dmarc.example.com")) == (("dmarc",), [])
    assert check_policy("v=DMARC1; p=rejct")
    assert check_policy(STRICT) == check_policy(None) == ()


# -- what others put there --
async def test_spf_keeps_the_senders_that_are_there(world):
    world.add("TXT", "example.com", "v=spf1 include:other.example ip4:192.0.2.7 ~all")
    world.zone.zone["other.example"] = {"TXT": ["v=spf1 -all"]}
    await world.fix(["spf"])

    assert world.texts("example.com") == [
        "v=spf1 include:host.example include:other.example ip4:192.0.2.7 ~all"
    ]


async def test_two_spf_records_become_one_and_other_texts_stay(world):
    for text in ("site-verification=1", "v=spf1 ip4:192.0.2.7 ~all", "v=spf1 ip4:192.0.2.8 -all"):
        world.add("TXT", "example.com", text)
    await world.fix(["spf"])

    merged = "v=spf1 include:host.example ip4:192.0.2.7 ip4:192.0.2.8 ~all"
    assert sorted(world.texts("example.com")) == ["site-verification=1", merged]


async def test_mail_servers_of_others_stay_until_mx_is_named(world):
    world.add("MX", "example.com", "mx.elsewhere.example", priority=5)
    first = await world.fix()
    held = world.played.contents("MX", "example.com")
    second = await world.fix(["mx"])

    assert ("mx" in first.skipped, held) == (True, ["mx.elsewhere.example"])
    assert any("mx.elsewhere.example" in step for step in first.steps)
    assert second.fixed == ("mx",)
    assert sorted(world.played.contents("MX", "example.com")) == ["mx1.host.example", "mx2.host.example"]


async def test_a_wrong_priority_is_put_right(world):
    world.add("MX", "example.com", "mx1.host.example", priority=50)
    await world.fix(["mx"])

    found = {(e["content"], e["priority"]) for e in world.played.zones["example.com"].values()}
    assert found == {("mx1.host.example", 10), ("mx2.host.example", 20)}


async def test_an_old_key_is_replaced(world):
    world.add("TXT", "x._domainkey.example.com", "v=DKIM1; p=")
    await world.fix(["dkim"])

    assert world.texts("x._domainkey.example.com") == [KEY]


async def test_an_address_in_the_way_of_an_alias_stays(world):
    world.add("A", "mail.example.com", "192.0.2.9")
    done = await world.fix(["mail"])

    assert (done.skipped, world.played.contents("A", "mail.example.com")) == (("mail",), ["192.0.2.9"])


# -- trouble --
async def test_what_the_dns_does_not_tell_is_left_alone(world):
    world.zone.modes["*"] = "servfail"
    done = await world.fix()

    assert (done.fixed, set(done.skipped), world.played.writes) == ((), set(ALL), [])


async def test_one_record_that_cannot_be_written_does_not_stop_the_others(world):
    world.add("CNAME", "x._domainkey.example.com", "keys.example")
    world.zone.zone["keys.example"] = {"A": ["192.0.2.1"]}
    done = await world.fix()

    assert done.failed == ("dkim",)
    assert set(done.fixed) == set(ALL) - {"dkim"}


async def test_a_provider_that_fails_stops_the_rest_and_says_so(world):
    world.played.broken_names.add("example.com")
    done = await world.fix()

    assert (done.fixed, done.failed) == (("verification", "mail"), ("mx", "spf", "dkim", "dmarc"))
    assert "the rest was not tried" in done.steps[-1]


async def test_a_zone_that_cannot_be_read_is_an_error(world):
    world.played.always = Reply(
        status=403, json={"success": False, "errors": [{"code": 10000, "message": "no"}]}
    )
    with pytest.raises(NotAuthorised):
        await world.fix()


async def test_a_domain_in_no_zone_is_an_error(world):
    with pytest.raises(NotThere, match="add it there first"):
        await world.fix(domain="other.example")


async def test_before_registration_only_ownership_is_written(world):
    done = await world.fix(None, replace(EXPECTED, is_registered=False))

    assert done.fixed == ("verification",)
    assert {name for _, _, name in world.played.writes} == {"_verify.example.com"}


# -- many --
async def test_bulk_fixes_the_unhealthy_and_nothing_else(world):
    world.played.zones["well.example"] = {}
    await world.fix(domain="well.example")
    world.publish()
    targets = dict.fromkeys(("example.com", "well.example", "nowhere.example", "bad name"), EXPECTED)
    world.played.writes.clear()
    done = await fix_bulk(targets, world.provider, world.resolver, only_unhealthy=True)

    assert set(done.results) == {"example.com"}
    assert done.results["example.com"].fixed == ALL
    assert done.healthy == ("well.example",)
    assert set(done.errors) == {"nowhere.example", "bad name"}
    assert all(name.endswith("example.com") for _, _, name in world.played.writes)
    assert world.played.contents("CNAME", "webmail.example.com") == []


async def test_bulk_keeps_stricter_policies(world):
    world.add("TXT", "_dmarc.example.com", STRICT)
    done = await fix_bulk({"example.com": EXPECTED}, world.provider, world.resolver, records=["dmarc"])

    assert done.results["example.com"].skipped == ("dmarc",)
    assert world.texts("_dmarc.example.com") == [STRICT]


async def test_bulk_leaves_domains_alone_that_cannot_be_judged(world):
    world.zone.modes["*"] = "servfail"
    done = await fix_bulk({"example.com": EXPECTED}, world.provider, world.resolver, only_unhealthy=True)

    assert (done.results, done.errors, world.played.writes) == ({}, {}, [])


async def test_bulk_as_json(world):
    targets = dict.fromkeys(("example.com", "nowhere.example"), EXPECTED)
    done = (await fix_bulk(targets, world.provider, world.resolver)).as_dict()

    assert done["results"]["example.com"]["success"] is True
    assert done["results"]["nowhere.example"]["success"] is False
    assert done["domains"] == ["example.com", "nowhere.example"]
