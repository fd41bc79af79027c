"""DMARC through the library; the alignment examples are those of RFC 9989 (as RFC 7489, appendix B)."""

import pytest

from core.engine.alignment import evaluate, find_policy
from core.engine.auth import DkimResult, SpfResult
from tests.factories.engine import Zone


async def dmarc(records, domain="example.com", spf=None, dkim=(), **zone):
    found = await find_policy(domain, Zone(records, **zone))
    return evaluate(found, spf or SpfResult(), dkim)


def spf(domain, result="pass"):
    return SpfResult(result=result, domain=domain)


def signed(domain, result="pass"):
    return DkimResult(result=result, domain=domain, selector="s")


REJECT = {("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject"]}
STRICT = {("_dmarc.example.com", "TXT"): ["v=DMARC1; p=reject; aspf=s; adkim=s"]}


@pytest.mark.parametrize(
    ("records", "domain", "who", "result"),
    [
        (REJECT, "example.com", spf("example.com"), "pass"),
        (REJECT, "example.com", spf("child.example.com"), "pass"),
        (STRICT, "example.com", spf("child.example.com"), "fail"),
        (REJECT, "child.example.com", spf("example.com"), "pass"),
        (REJECT, "example.com", spf("sample.net"), "fail"),
        (REJECT, "example.com", spf("example.com", "softfail"), "fail"),
        (REJECT, "example.com", signed("example.com"), "pass"),
        (REJECT, "child.example.com", signed("other.example.com"), "pass"),
        (STRICT, "example.com", signed("child.example.com"), "fail"),
        (REJECT, "example.com", signed("sample.net"), "fail"),
        (REJECT, "example.com", signed("badexample.com"), "fail"),
        (REJECT, "example.com", signed("example.com", "fail"), "fail"),
    ],
)
async def test_identities_align_as_the_rfc_says(records, domain, who, result):
    proofs = {"spf": who} if isinstance(who, SpfResult) else {"dkim": [who]}

    assert (await dmarc(records, domain, **proofs)).result == result


@pytest.mark.parametrize(
    ("record", "domain", "disposition"),
    [
        ("v=DMARC1; p=reject", "example.com", "reject"),
        ("v=DMARC1; p=quarantine", "example.com", "quarantine"),
        ("v=DMARC1; p=none", "example.com", "none"),
        ("v=DMARC1; p=reject; sp=none", "a.example.com", "none"),
        ("v=DMARC1; p=none; sp=reject", "a.example.com", "reject"),
        ("v=DMARC1; p=reject", "a.example.com", "reject"),
        ("v=DMARC1; p=reject; t=y", "example.com", "quarantine"),
        ("v=DMARC1; p=quarantine; t=y", "example.com", "none"),
    ],
)
async def test_a_failing_message_gets_what_its_domain_asks_for(record, domain, disposition):
    found = await dmarc({("_dmarc.example.com", "TXT"): [record]}, domain)

    assert (found.result, found.disposition) == ("fail", disposition)


async def test_a_domain_without_a_record_has_no_opinion_but_may_be_proven():
    found = await dmarc({}, spf=spf("example.com"))

    assert (found.result, found.policy, found.aligned) == ("none", None, True)


@pytest.mark.parametrize(
    "records", [["v=DMARC1; p=reject", "v=DMARC1; p=none"], ["v=spf1 -all"], ["v=DMARC10; p=none"]]
)
async def test_several_records_or_none_that_is_one_are_no_policy(records):
    assert (await dmarc({("_dmarc.example.com", "TXT"): records})).result == "none"


async def test_a_record_that_cannot_be_read_is_a_permanent_error():
    found = await dmarc({("_dmarc.example.com", "TXT"): ["v=DMARC1; rua=mailto:a@b.example"]})

    assert (found.result, found.disposition) == ("permerror", "none")


async def test_the_policy_is_found_above_the_domain_but_not_at_a_public_suffix():
    records = {
        ("_dmarc.shop.co.uk", "TXT"): ["v=DMARC1; p=reject"],
        ("_dmarc.co.uk", "TXT"): ["v=DMARC1; p=none; psd=y"],
    }

    assert (await dmarc(records, "a.b.shop.co.uk")).disposition == "reject"


@pytest.mark.parametrize("broken", ["_dmarc.a.example.com", "_dmarc.example.com"])
async def test_a_record_that_cannot_be_looked_up_is_a_temporary_error(broken):
    found = await dmarc({}, "a.example.com", broken=frozenset({broken}))

    assert (found.result, found.disposition) == ("temperror", "none")


@pytest.mark.parametrize(
    "proofs", [{"spf": spf("example.com", "temperror")}, {"dkim": [signed("example.com", "temperror")]}]
)
async def test_an_aligned_proof_that_could_not_be_checked_never_ends_as_reject(proofs):
    found = await dmarc(REJECT, **proofs)

    assert (found.result, found.disposition) == ("temperror", "none")


async def test_a_temporary_error_beside_a_proof_changes_nothing():
    found = await dmarc(REJECT, spf=spf("example.com", "temperror"), dkim=[signed("example.com")])

    assert found.result == "pass"


@pytest.mark.parametrize(
    "proofs", [{"spf": spf("evil.example", "temperror")}, {"dkim": [signed("evil.example", "temperror")]}]
)
async def test_a_strangers_broken_dns_excuses_no_forgery(proofs):
    found = await dmarc(REJECT, **proofs)

    assert (found.result, found.disposition) == ("fail", "reject")
