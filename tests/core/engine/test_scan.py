import asyncio
import time

import dkim
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dns.resolver import NameServers
from core.engine.lists import Entry
from core.engine.message import Envelope
from core.engine.policy import DomainPolicy
from core.engine.scan import scan
from core.engine.verdict import Thresholds
from tests.factories.core import envelope, html_mail, raw_mail
from tests.factories.dns import DnsServer
from tests.factories.engine import Zone, context, rsa_pair, scanned, workers

SPAM = html_mail(
    '<p>Please verify your account <a href="http://198.51.100.7/x">https://www.paypal.example/</a></p>',
    From='"PayPal" <service@secure.top>',
)
SEVERITY = ("deliver", "tag", "quarantine", "reject")
FORGED = {
    ("partner.example", "TXT"): ["v=spf1 -all"],
    ("_dmarc.partner.example", "TXT"): ["v=DMARC1; p=reject"],
}
PROVEN = {**FORGED, ("partner.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"]}


def names(verdict):
    return {one.name for one in verdict.symbols}


def fate(verdict):
    (only,) = verdict.recipients
    return only.fate


async def test_an_ordinary_message_is_delivered_with_what_was_proven():
    verdict = await scanned(resolver=Zone(PROVEN))

    assert (fate(verdict), verdict.score) == ("deliver", 0.0)
    assert names(verdict) == {"SPF_PASS", "DMARC_PASS"}
    assert verdict.authentication_results.split(";\r\n\t") == [
        "mx.acme.example",
        "spf=pass smtp.mailfrom=partner.example",
        "dkim=none",
        "dmarc=pass header.from=partner.example policy.dmarc=reject",
        "iprev=pass policy.iprev=mail.partner.example",
    ]


async def test_a_forged_sender_is_held_and_the_reason_is_said():
    verdict = await scanned(resolver=Zone(FORGED))

    assert (fate(verdict), verdict.reason, verdict.score) == ("quarantine", "phishing", 11.0)
    assert {"SPF_FAIL", "DMARC_FAIL_REJECT"} <= names(verdict)
    assert all(one.says for one in verdict.symbols)


async def test_a_signature_proves_a_sender_that_spf_does_not():
    pem, record = rsa_pair()
    raw = raw_mail()
    raw = dkim.sign(raw, b"s1", b"partner.example", pem) + raw
    zone = Zone({**FORGED, ("s1._domainkey.partner.example", "TXT"): [record]})
    verdict = await scanned(raw, resolver=zone)

    assert verdict.authentication.dmarc.result == "pass"
    assert verdict.authentication.dkim[0].result == "pass"
    assert fate(verdict) == "deliver"


async def test_dmarc_is_followed_to_the_letter_where_the_domain_wants_it():
    policy = DomainPolicy(enforce_dmarc=True)

    assert fate(await scanned(resolver=Zone(FORGED), policy=policy)) == "reject"
    assert fate(await scanned(resolver=Zone(PROVEN), policy=policy)) == "deliver"


@pytest.mark.parametrize("trouble", ["broken", "dead"])
@pytest.mark.parametrize("enforce", [True, False])
async def test_dns_that_cannot_tell_never_refuses_nor_adds_a_point(trouble, enforce):
    policy = DomainPolicy(thresholds=Thresholds(tag=1, quarantine=2, reject=3), enforce_dmarc=enforce)
    zone = Zone(FORGED, everything=trouble)
    plain = await scanned(resolver=zone, policy=policy, dns_deadline_s=0.1)
    spam = await scanned(SPAM, resolver=zone, policy=policy, dns_deadline_s=0.1)

    assert (fate(plain), plain.score, plain.degraded) == ("deliver", 0.0, True)
    assert (fate(spam), "DNS_DEGRADED" in names(spam)) == ("quarantine", True)
    assert plain.authentication.spf.result == plain.authentication.dmarc.result == "temperror"


@given(
    st.sampled_from(
        [raw_mail(), SPAM, raw_mail(From="ceo@acrne.example"), raw_mail("guaranteed income", Date=None)]
    ),
    st.builds(
        envelope,
        rdns=st.sampled_from(["", "mail.partner.example"]),
        helo=st.sampled_from(["mail.partner.example", "[203.0.113.9]"]),
    ),
    st.sampled_from(["block", "flag", "quarantine", "tag"]),
    st.sampled_from(["broken", "dead"]),
)
def test_dns_trouble_is_never_worse_than_a_world_without_records(raw, sent, action, trouble):
    policy = DomainPolicy(action=action)

    async def fates():
        calm = await scanned(raw, sent, policy=policy)
        rough = await scanned(
            raw, sent, policy=policy, resolver=Zone(everything=trouble), dns_deadline_s=0.005
        )
        return SEVERITY.index(fate(rough)), SEVERITY.index(fate(calm)), rough.score, calm.score

    rough, calm, rough_score, calm_score = asyncio.run(fates())

    assert rough <= calm
    assert rough_score <= calm_score


@pytest.mark.parametrize("mode", ["servfail", "refused", "timeout", "garbage"])
async def test_a_real_name_server_in_trouble_is_neutral(mode):
    async with DnsServer({"partner.example": {"TXT": ["v=spf1 -all"]}}, modes={"*": mode}) as server:
        dns = NameServers([server.address], timeout_s=0.1, lifetime_s=0.2)
        verdict = await scanned(resolver=dns, dns_deadline_s=1)

    assert (fate(verdict), verdict.score, verdict.degraded) == ("deliver", 0.0, True)


async def test_a_real_name_server_gives_all_proofs():
    zone = {
        "partner.example": {"TXT": ["v=spf1 ip4:192.0.2.9 -all"]},
        "_dmarc.partner.example": {"TXT": ["v=DMARC1; p=reject"]},
        "9.2.0.192.in-addr.arpa": {"PTR": ["mail.partner.example"]},
        "mail.partner.example": {"A": ["192.0.2.9"]},
    }
    async with DnsServer(zone) as server:
        verdict = await scanned(sent=envelope(rdns=""), resolver=NameServers([server.address]))

    proofs = verdict.authentication
    assert (proofs.spf.result, proofs.dmarc.result) == ("pass", "pass")
    assert (proofs.rdns.result, proofs.rdns.name) == ("pass", "mail.partner.example")
    assert verdict.mail.envelope.rdns == "mail.partner.example"


@pytest.mark.parametrize(
    ("ptr", "address", "result"),
    [(["a.example"], ["192.0.2.9"], "pass"), (["a.example"], ["192.0.2.8"], "fail"), ([], [], "fail")],
)
async def test_a_client_name_counts_only_when_it_leads_back(ptr, address, result):
    zone = Zone({("9.2.0.192.in-addr.arpa", "PTR"): ptr, ("a.example", "A"): address})
    verdict = await scanned(sent=envelope(rdns=""), resolver=zone)

    assert verdict.authentication.rdns.result == result
    assert ("NO_RDNS" in names(verdict)) is (result == "fail")


async def test_all_lookups_share_one_deadline():
    pem, _ = rsa_pair()
    raw = dkim.sign(raw_mail(), b"s1", b"partner.example", pem) + raw_mail()
    began = time.monotonic()
    verdict = await scanned(raw, envelope(rdns=""), resolver=Zone(everything="dead"), dns_deadline_s=0.3)

    assert time.monotonic() - began < 20
    assert verdict.authentication.dkim[0].result == "temperror"
    assert verdict.authentication.rdns.result == "temperror"


def entry(tier, kind, item="partner.example", owner=""):
    return Entry(tier=tier, kind=kind, item=item, owner=owner)


async def test_each_recipient_gets_the_fate_of_the_own_lists():
    lists = [
        entry("account", "block"),
        entry("user", "safe", owner="grace@acme.example"),
        entry("user", "safe", item="other.example", owner="jonas@acme.example"),
    ]
    sent = envelope(rcpt_to=("grace@acme.example", "jonas@acme.example", "Wei@acme.example"))
    verdict = await scanned(sent=sent, lists=lists, unfiltered=frozenset({"wei@acme.example"}))

    assert [(one.address, one.fate, one.cause) for one in verdict.recipients] == [
        ("grace@acme.example", "deliver", "user list"),
        ("jonas@acme.example", "reject", "account list"),
        ("Wei@acme.example", "reject", "account list"),
    ]
    assert {"LISTED_SAFE", "LISTED_BLOCKED"} <= names(verdict)


async def test_a_recipient_without_filtering_gets_spam():
    spam = await scanned(SPAM, unfiltered=frozenset({"grace@acme.example"}))

    assert (fate(spam), spam.recipients[0].cause) == ("deliver", "unfiltered")
    assert spam.score > Thresholds().quarantine


@pytest.mark.parametrize(
    ("records", "safe", "wanted"),
    [
        ({}, "unless_forged", "deliver"),
        (PROVEN, "unless_forged", "deliver"),
        (FORGED, "unless_forged", "quarantine"),
        (FORGED, "always", "deliver"),
        ({}, "proven", "tag"),
        (PROVEN, "proven", "deliver"),
    ],
)
async def test_a_safe_sender_is_believed_as_the_domain_wants(records, safe, wanted):
    raw = raw_mail("guaranteed income\r\n", Message_ID=None)
    lists = [entry("domain", "safe", owner="acme.example")]
    verdict = await scanned(raw, resolver=Zone(records), lists=lists, policy=DomainPolicy(safe=safe))

    assert fate(verdict) == wanted


@pytest.mark.parametrize("blocked", ["quarantine", "reject"])
async def test_a_blocked_sender_ends_as_the_domain_wants(blocked):
    lists = [entry("account", "block", item="192.0.2.0/24")]

    assert fate(await scanned(lists=lists, policy=DomainPolicy(blocked=blocked))) == blocked


@pytest.mark.parametrize(
    ("action", "fates"),
    [
        ("quarantine", ["tag", "quarantine", "reject"]),
        ("block", ["tag", "reject", "reject"]),
        ("flag", ["tag", "tag", "tag"]),
        ("tag", ["tag", "tag", "tag"]),
    ],
)
async def test_a_policy_says_how_far_the_score_may_go(action, fates):
    found = []
    for limits in (
        Thresholds(tag=4, quarantine=50, reject=60),
        Thresholds(tag=2, quarantine=4, reject=60),
        Thresholds(tag=2, quarantine=3, reject=4),
    ):
        policy = DomainPolicy(action=action, thresholds=limits)
        found.append(fate(await scanned(raw_mail("guaranteed income\r\n"), policy=policy)))

    assert found == fates


async def test_a_domain_may_weigh_a_symbol_differently():
    policy = DomainPolicy(scores={"MONEY_PHRASES": 0.0, "MISSING_MID": 9.0})
    verdict = await scanned(raw_mail("guaranteed income\r\n", Message_ID=None), policy=policy)

    assert (verdict.score, fate(verdict)) == (9.0, "quarantine")


async def test_a_message_over_the_limit_is_refused_unread():
    lists = [entry("account", "safe")]
    verdict = await scanned(raw_mail("x" * 5000), max_bytes=4096, lists=lists)

    assert (fate(verdict), verdict.recipients[0].cause) == ("reject", "size")
    assert names(verdict) == {"TOO_LARGE"}
    assert verdict.mail.size_bytes > 5000


async def test_a_check_that_breaks_is_left_out_and_said(monkeypatch):
    monkeypatch.setattr("core.engine.opinion.evaluate", lambda *_: 1 / 0)
    verdict = await scanned(SPAM)
    (said,) = [one for one in verdict.symbols if one.name == "SCAN_INCOMPLETE"]

    assert said.detail == "ZeroDivisionError"
    assert "URL_IP_HOST" in names(verdict)


async def test_a_resolver_that_raises_is_a_temporary_error():
    class Broken:
        async def lookup(self, name, rtype, /):
            raise RuntimeError(name)

    verdict = await scanned(resolver=Broken())

    assert (verdict.degraded, fate(verdict)) == (True, "deliver")


async def test_the_event_loop_goes_on_while_a_large_message_is_read():
    raw = raw_mail("word " * 3_000_000)
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    with workers() as pool:
        ticking = asyncio.create_task(tick())
        await scan(raw, envelope(), context(pool))
        ticking.cancel()

    assert ticks >= 1


async def test_a_null_envelope_gets_a_verdict():
    verdict = await scanned(b"", Envelope(client_ip="", helo="", mail_from="", rcpt_to=()))

    assert verdict.recipients == ()
    assert verdict.symbols
