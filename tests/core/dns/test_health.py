"""A domain's health against a real name server: what passes, what fails, and what cannot be known now."""

from dataclasses import replace

import pytest

from core.dns.check import Check, overall
from core.dns.expected import DmarcPolicy, Expected
from core.dns.health import CHECKS, health, setup_health
from core.dns.provider import Record, Zone, ZoneRecord
from core.upstream.errors import Unavailable
from tests.core.dns.hosted import EXPECTED, KEY
from tests.factories.dns import dkim_record

MX, SPF = ["10 mx1.host.example", "20 mx2.host.example"], [EXPECTED.spf]


@pytest.fixture
def good(zone):
    zone.zone |= {
        "example.com": {"MX": MX, "TXT": SPF},
        "host.example": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        "mx1.host.example": {"A": ["192.0.2.1"]},
        "mx2.host.example": {"AAAA": ["2001:db8::1"]},
        "x._domainkey.example.com": {"TXT": [KEY]},
        "_dmarc.example.com": {"TXT": ["v=DMARC1;p=none; sp=none; adkim=r; aspf=r"]},
        "_verify.example.com": {"TXT": ["token"]},
        "mail.example.com": {"CNAME": ["srv.host.example"]},
        "webmail.example.com": {"CNAME": ["srv.host.example"]},
        "_mta-sts.example.com": {"TXT": ["v=STSv1; id=1"]},
        "_smtp._tls.example.com": {"TXT": ["v=TLSRPTv1; rua=mailto:t@example.com"]},
    }
    return zone


async def report(resolver, expected=EXPECTED):
    return await health("example.com", expected, resolver)


async def test_all_is_well(good, resolver):
    found = await report(resolver)

    assert found.overall == "healthy"
    assert {name: check.status for name, check in found.checks.items()} == dict.fromkeys(CHECKS, "pass")


async def test_the_report_as_json(good, resolver):
    found = (await report(resolver)).as_dict()

    assert found["checks"]["mx"] == {
        "status": "pass",
        "label": "MX records",
        "expected_host": "example.com",
        "expected": [
            {"priority": 10, "hostname": "mx1.host.example"},
            {"priority": 20, "hostname": "mx2.host.example"},
        ],
        "found": [
            {"priority": 10, "hostname": "mx1.host.example"},
            {"priority": 20, "hostname": "mx2.host.example"},
        ],
        "message": "The MX records are as expected",
        "temporary": False,
    }
    assert found["dmarc_policy"] == {
        "custom": False,
        "default": EXPECTED.dmarc.default,
        "effective": EXPECTED.dmarc.default,
        "custom_value": None,
    }


BROKEN = {
    "mx wrong": (
        "mx",
        "example.com",
        {"MX": ["10 mx.else.example"], "TXT": [EXPECTED.spf]},
        "fail",
        "unhealthy",
    ),
    "mx none": ("mx", "example.com", {"TXT": SPF}, "fail", "unhealthy"),
    "mx null": ("mx", "example.com", {"MX": ["0 ."], "TXT": SPF}, "fail", "unhealthy"),
    "mx without address": ("mx", "mx1.host.example", {}, "warn", "degraded"),
    "spf none": (
        "spf",
        "example.com",
        {"MX": ["10 mx1.host.example", "20 mx2.host.example"]},
        "fail",
        "unhealthy",
    ),
    "spf broken": ("spf", "host.example", {"TXT": ["v=spf1 what"]}, "fail", "unhealthy"),
    "dkim none": ("dkim", "x._domainkey.example.com", {}, "warn", "degraded"),
    "dkim other": ("dkim", "x._domainkey.example.com", {"TXT": [dkim_record()]}, "warn", "degraded"),
    "dkim revoked": ("dkim", "x._domainkey.example.com", {"TXT": ["v=DKIM1; p="]}, "warn", "degraded"),
    "dkim two": ("dkim", "x._domainkey.example.com", {"TXT": [KEY, KEY + ";"]}, "warn", "degraded"),
    "dmarc none": ("dmarc", "_dmarc.example.com", {}, "warn", "degraded"),
    "dmarc other": ("dmarc", "_dmarc.example.com", {"TXT": ["v=DMARC1; p=reject"]}, "warn", "degraded"),
    "dmarc wrong": ("dmarc", "_dmarc.example.com", {"TXT": ["v=DMARC1; p=x"]}, "warn", "degraded"),
    "verification": ("verification", "_verify.example.com", {"TXT": ["other"]}, "warn", "degraded"),
    "mail none": ("mail", "mail.example.com", {}, "fail", "unhealthy"),
    "mail other": ("mail", "mail.example.com", {"CNAME": ["other.example"]}, "fail", "unhealthy"),
    "webmail none": ("webmail", "webmail.example.com", {}, "skipped", "healthy"),
    "webmail other": ("webmail", "webmail.example.com", {"CNAME": ["other.example"]}, "warn", "healthy"),
    "mta-sts none": ("mta_sts", "_mta-sts.example.com", {}, "warn", "healthy"),
    "tls-rpt wrong": ("tls_rpt", "_smtp._tls.example.com", {"TXT": ["v=TLSRPTv1; rua=x"]}, "warn", "healthy"),
}


@pytest.mark.parametrize(("check", "name", "records", "status", "whole"), BROKEN.values(), ids=BROKEN)
async def test_what_is_wrong_shows_in_its_check_and_in_the_whole(
    good, resolver, check, name, records, status, whole
):
    good.zone[name] = records
    found = await report(resolver)

    assert (found.checks[check].status, found.overall) == (status, whole)
    assert found.checks[check].message


@pytest.mark.parametrize("mode", ["servfail", "timeout", "refused", "garbage"])
async def test_trouble_is_pending_and_never_a_failure(good, hasty, mode):
    good.modes["*"] = mode
    found = await report(hasty)

    assert {check.status for check in found.checks.values()} == {"pending"}
    assert all(
        check.is_temporary and "Cannot be checked now" in check.message for check in found.checks.values()
    )
    assert found.overall == "unknown"


NAMES = {
    "mx": "example.com",
    "spf": "host.example",
    "dkim": "x._domainkey.example.com",
    "dmarc": "_dmarc.example.com",
    "verification": "_verify.example.com",
    "mail": "mail.example.com",
    "webmail": "webmail.example.com",
    "mta_sts": "_mta-sts.example.com",
    "tls_rpt": "_smtp._tls.example.com",
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("mode", ["servfail", "refused"])
async def test_trouble_with_one_name_leaves_the_others_as_they_are(good, resolver, check, mode):
    good.modes[NAMES[check]] = mode
    found = await report(resolver)
    others = {name for name, each in found.checks.items() if each.status != "pass"}

    assert found.checks[check].status == "pending"
    assert others <= {check, "spf"}
    assert found.overall in ("unknown", "healthy")


async def test_trouble_with_a_mail_servers_address_is_no_warning(good, resolver):
    good.modes["mx1.host.example"] = "servfail"

    assert (await report(resolver)).checks["mx"].status == "pass"


async def test_other_senders_in_spf_are_fine(good, resolver):
    good.zone["example.com"] = {
        "MX": MX,
        "TXT": ["v=spf1 +include:HOST.example ip4:198.51.100.1 ~all"],
    }

    assert (await report(resolver)).checks["spf"].status == "pass"


async def test_a_policy_of_its_own_must_be_published(good, resolver):
    own = replace(EXPECTED, dmarc=DmarcPolicy(custom="v=DMARC1; p=reject"))
    before = await report(resolver, own)
    good.zone["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=reject"]}
    after = await report(resolver, own)

    assert (before.checks["dmarc"].status, after.checks["dmarc"].status) == ("warn", "pass")
    assert after.as_dict()["dmarc_policy"]["custom_value"] == "v=DMARC1; p=reject"


async def test_without_mail_hosting_only_ownership_counts(zone, resolver):
    found = await report(resolver, replace(EXPECTED, is_hosting=False))

    assert {found.checks[name].status for name in ("mx", "spf", "dkim", "dmarc", "mail")} == {"skipped"}
    assert (found.checks["verification"].status, found.overall) == ("warn", "degraded")


async def test_nothing_expected_is_satisfied_by_what_is_sound(good, resolver):
    good.zone["_dmarc.example.com"] = {"TXT": [EXPECTED.dmarc.default]}
    found = await report(resolver, Expected())

    assert found.overall == "healthy"
    assert set(found.checks) == {"mx", "spf", "dkim", "dmarc", "mta_sts", "tls_rpt"}


class Holds:
    """A provider that holds these records."""

    name = "made"

    def __init__(self, *records):
        self._records = records

    async def zone(self, domain):
        return Zone(id="z", name=domain, is_active=True)

    async def records(self, zone, *, name="", type=""):  # noqa: A002
        return tuple(ZoneRecord(id=str(number), record=each) for number, each in enumerate(self._records))


async def test_an_alias_on_its_way_is_pending(good, resolver):
    for label in ("mail", "webmail"):
        del good.zone[f"{label}.example.com"]
    held = [
        Record(type="CNAME", name=f"{label}.example.com", content="srv.host.example")
        for label in ("mail", "webmail")
    ]
    found = await setup_health("example.com", EXPECTED, resolver, Holds(*held))

    assert (found.checks["mail"].status, found.checks["webmail"].status) == ("pending", "pending")
    assert (found.overall, found.provider) == ("healthy", "made")


async def test_a_domain_that_is_not_registered_waits(zone, resolver):
    zone.zone["_verify.example.com"] = {"TXT": ["token"]}
    found = await setup_health("example.com", replace(EXPECTED, is_registered=False), resolver)
    statuses = {name: check.status for name, check in found.checks.items()}

    assert statuses == {
        **dict.fromkeys(("mx", "spf", "dkim", "dmarc", "mail"), "pending"),
        "verification": "pass",
    }
    assert found.overall == "degraded"


async def test_a_provider_in_trouble_is_told_and_hides_nothing(good, resolver):
    class Away(Holds):
        async def zone(self, domain):
            raise Unavailable("made: away")

    found = await setup_health("example.com", EXPECTED, resolver, Away())

    assert (found.overall, found.provider_problem) == ("healthy", "made: away")


async def test_a_report_ends_at_its_deadline(good):
    from core.dns.resolver import NameServers

    good.modes["*"] = "timeout"
    slow = NameServers([good.address], timeout_s=30, lifetime_s=60)
    found = await health("example.com", EXPECTED, slow, deadline_s=0.1)

    assert found.overall == "unknown"


async def test_hostile_answers_are_shown_cut(good, resolver):
    good.zone["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=none; " + "x" * 9000 for _ in range(3)]}
    check = (await report(resolver)).checks["dmarc"]

    assert check.status == "warn"
    assert all(len(text) <= 2048 for text in check.found)


def line(status, *, counts=True, is_temporary=False):
    return Check(status=status, label="", message="", counts=counts, is_temporary=is_temporary)


def test_the_worst_that_is_proven_decides():
    away = line("pending", is_temporary=True)

    assert overall({"a": line("fail"), "b": line("warn"), "c": away}) == "unhealthy"
    assert overall({"a": line("pass"), "b": line("warn"), "c": away}) == "degraded"
    assert overall({"a": line("pass"), "c": away}) == "unknown"
    assert overall({"a": line("pass"), "b": line("fail", counts=False), "c": line("pending")}) == "healthy"
