"""The scan of a domain against a real name server."""

import pytest

from core.dns.names import BadName
from core.dns.scan import scan
from tests.factories.dns import dkim_record

SPF = "v=spf1 include:_spf.example.net a mx -all"


@pytest.fixture
def sound(zone):
    zone.zone |= {
        "example.com": {"TXT": ["other", SPF], "A": ["192.0.2.1"], "MX": ["10 mx.example.net"]},
        "_spf.example.net": {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]},
        "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject; rua=mailto:d@example.com"]},
        "x._domainkey.example.com": {"TXT": [dkim_record()]},
    }
    return zone


async def test_a_sound_domain(sound, resolver):
    found = (await scan("Example.com", resolver)).as_dict()

    assert found["dmarc"]["found"] is True
    assert found["dmarc"]["policy"] == "reject"
    assert found["dmarc"]["record"] == "v=DMARC1; p=reject; rua=mailto:d@example.com"
    assert (found["spf"]["record"], found["spf"]["valid"], found["spf"]["dnsLookups"]) == (SPF, True, 3)
    assert [(key["selector"], key["key"], key["bits"]) for key in found["dkim"]] == [("x", "rsa", 2048)]
    assert found["complete"] is True


async def test_a_bare_domain(zone, resolver):
    found = await scan("example.com", resolver)

    assert (found.dmarc.found, found.spf.found, found.dkim) == (False, False, ())
    assert found.is_complete


@pytest.mark.parametrize("mode", ["servfail", "timeout", "refused", "garbage"])
async def test_trouble_is_neither_found_nor_missing(zone, hasty, mode):
    zone.modes["*"] = mode
    found = await scan("example.com", hasty)

    assert (found.dmarc.found, found.spf.found, found.spf.is_valid) == (None, None, None)
    assert [key.found for key in found.dkim] == [None]
    assert found.dmarc.trouble
    assert found.spf.trouble
    assert not found.is_complete


async def test_trouble_in_an_included_record_leaves_validity_open(sound, resolver):
    sound.modes["_spf.example.net"] = "servfail"
    spf = (await scan("example.com", resolver)).spf

    assert (spf.found, spf.is_valid, spf.problems) == (True, None, ())
    assert "include:_spf.example.net" in spf.trouble


async def test_the_keys_that_were_asked_for_are_told_even_when_missing(sound, resolver):
    found = await scan("example.com", resolver, selectors=["x", "y", "x"])

    assert [(key.selector, key.found) for key in found.dkim] == [("x", True), ("y", False)]


async def test_a_revoked_key_is_found_and_not_valid(sound, resolver):
    sound.zone["x._domainkey.example.com"] = {"TXT": ["v=DKIM1; p="]}
    (key,) = (await scan("example.com", resolver)).dkim

    assert (key.found, key.valid, key.revoked) == (True, False, True)


async def test_two_dmarc_records_are_no_policy(sound, resolver):
    sound.zone["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}
    dmarc = (await scan("example.com", resolver)).dmarc

    assert (dmarc.found, dmarc.policy, dmarc.valid) == (True, None, False)


async def test_a_subdomain_has_the_policy_of_the_domain_above(sound, resolver):
    sound.zone["_dmarc.example.com"] = {"TXT": ["v=DMARC1; p=reject; sp=quarantine"]}
    dmarc = (await scan("a.b.example.com", resolver)).dmarc

    assert (dmarc.policy, dmarc.inherited_from) == ("quarantine", "example.com")


async def test_the_walk_up_stops_where_a_domain_says_that_it_is_the_top(zone, resolver):
    zone.zone |= {
        "_dmarc.b.example.com": {"TXT": ["v=DMARC1; p=none; psd=n"]},
        "_dmarc.example.com": {"TXT": ["v=DMARC1; p=reject"]},
    }

    assert (await scan("a.b.example.com", resolver)).dmarc.inherited_from == "b.example.com"


async def test_a_public_suffix_speaks_only_for_those_that_say_nothing(zone, resolver):
    zone.zone |= {"_dmarc.com": {"TXT": ["v=DMARC1; p=reject; psd=y; sp=reject"]}}
    alone = (await scan("example.com", resolver)).dmarc
    zone.zone |= {"_dmarc.example.com": {"TXT": ["v=DMARC1; p=none"]}}
    own = (await scan("a.example.com", resolver)).dmarc

    assert (alone.inherited_from, own.inherited_from) == ("com", "example.com")


async def test_a_long_name_costs_eight_questions_for_dmarc(zone, resolver):
    await scan(".".join("abcdefghijklmnop") + ".example.com", resolver)

    assert sum(1 for name, _ in zone.asked if name.startswith("_dmarc.")) == 8


@pytest.mark.parametrize(
    ("records", "problem"),
    [
        ({"example.com": "v=spf1 include:example.com -all"}, "leads back to itself"),
        (
            {"example.com": "v=spf1 include:a.example -all", "a.example": "v=spf1 include:example.com"},
            "itself",
        ),
        ({"example.com": "v=spf1 include:none.example -all"}, "no SPF record there"),
        ({"example.com": "v=spf1 foo -all"}, "unknown mechanism"),
        ({"example.com": "v=spf1 a:v1.example a:v2.example a:v3.example -all"}, "3 look-ups find nothing"),
        ({"example.com": "v=spf1 " + " ".join(f"exists:{n}.example" for n in range(11))}, "11 look-ups"),
    ],
)
async def test_what_receivers_do_not_accept_of_spf(zone, resolver, records, problem):
    zone.zone |= {name: {"TXT": [text]} for name, text in records.items()}
    spf = (await scan("example.com", resolver)).spf

    assert spf.is_valid is False
    assert problem in "; ".join(spf.problems)


async def test_includes_that_multiply_are_counted_and_end(zone, resolver):
    many = "v=spf1 " + " ".join(f"include:n{{level}}{number}.example" for number in range(9)) + " -all"
    zone.zone["example.com"] = {"TXT": [many.format(level=0)]}
    for level in range(6):
        for number in range(9):
            zone.zone[f"n{level}{number}.example"] = {"TXT": [many.format(level=level + 1)]}
    spf = (await scan("example.com", resolver)).spf

    assert spf.is_valid is False
    assert 10 < spf.lookups <= 60
    assert sum(count for (name, _), count in zone.asked.items() if name.endswith(".example")) <= 60


async def test_two_empty_look_ups_are_allowed(zone, resolver):
    zone.zone["example.com"] = {"TXT": ["v=spf1 a:v1.example mx:v2.example -all"]}
    spf = (await scan("example.com", resolver)).spf

    assert (spf.is_valid, spf.lookups, spf.void_lookups) == (True, 2, 2)


async def test_a_redirect_counts_and_is_followed_unless_all_stands(zone, resolver):
    zone.zone |= {
        "example.com": {"TXT": ["v=spf1 redirect=b.example"]},
        "b.example": {"TXT": ["v=spf1 a -all"]},
    }
    zone.zone["all.example"] = {"TXT": ["v=spf1 -all redirect=b.example"]}
    followed, ignored = (await scan("example.com", resolver)).spf, (await scan("all.example", resolver)).spf

    assert (followed.lookups, ignored.lookups) == (2, 0)


async def test_a_name_that_no_domain_has_is_refused(resolver):
    with pytest.raises(BadName):
        await scan("not a domain", resolver)
