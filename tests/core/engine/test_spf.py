"""SPF through the library on a zone; vectors are the examples of RFC 7208, appendix A."""

import pytest

from core.engine.spf import check_spf
from tests.factories.core import envelope
from tests.factories.engine import Zone

BASE = {
    ("example.com", "MX"): ["mail-a.example.com", "mail-b.example.com"],
    ("example.com", "A"): ["192.0.2.10", "192.0.2.11"],
    ("mail-a.example.com", "A"): ["192.0.2.129"],
    ("mail-b.example.com", "A"): ["192.0.2.130"],
    ("amy.example.com", "A"): ["192.0.2.65"],
    ("bob.example.com", "A"): ["192.0.2.66"],
    ("example.org", "MX"): ["mail-c.example.org"],
    ("mail-c.example.org", "A"): ["192.0.2.140"],
    ("65.2.0.192.in-addr.arpa", "PTR"): ["amy.example.com"],
    ("140.2.0.192.in-addr.arpa", "PTR"): ["mail-c.example.org"],
    ("4.0.0.10.in-addr.arpa", "PTR"): ["bob.example.com"],
}

VECTORS = [
    ("v=spf1 +all", "203.0.113.1", "pass"),
    ("v=spf1 a -all", "192.0.2.10", "pass"),
    ("v=spf1 a -all", "192.0.2.11", "pass"),
    ("v=spf1 a -all", "192.0.2.129", "fail"),
    ("v=spf1 a:example.org -all", "192.0.2.10", "fail"),
    ("v=spf1 mx -all", "192.0.2.129", "pass"),
    ("v=spf1 mx -all", "192.0.2.130", "pass"),
    ("v=spf1 mx:example.org -all", "192.0.2.140", "pass"),
    ("v=spf1 mx mx:example.org -all", "192.0.2.140", "pass"),
    ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", "pass"),
    ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", "pass"),
    ("v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.132", "fail"),
    ("v=spf1 ptr -all", "192.0.2.65", "pass"),
    ("v=spf1 ptr -all", "192.0.2.140", "fail"),
    ("v=spf1 ptr -all", "10.0.0.4", "fail"),
    ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "fail"),
    ("v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "pass"),
    ("v=spf1 ~all", "192.0.2.1", "softfail"),
    ("v=spf1 ?all", "192.0.2.1", "neutral"),
    ("v=spf1 nonsense", "192.0.2.1", "permerror"),
    ("v=spf1 include:nowhere.example -all", "192.0.2.1", "permerror"),
    ("some other text", "192.0.2.1", "none"),
]


async def spf(records, **changes):
    return await check_spf(envelope(**changes), Zone(records), time_limit_s=5)


@pytest.mark.parametrize(("record", "client", "result"), VECTORS)
async def test_the_examples_of_the_rfc_end_as_it_says(record, client, result):
    records = {**BASE, ("example.com", "TXT"): [record]}
    found = await spf(records, mail_from="strong-bad@example.com", client_ip=client)

    assert (found.result, found.domain, found.scope) == (result, "example.com", "mailfrom")


async def test_a_null_sender_is_checked_by_its_helo():
    records = {("mail.partner.example", "TXT"): ["v=spf1 ip4:192.0.2.9 -all"]}
    found = await spf(records, mail_from="")

    assert (found.result, found.domain, found.scope) == ("pass", "mail.partner.example", "helo")


@pytest.mark.parametrize("broken", ["partner.example", "b.example"])
async def test_a_server_that_fails_is_a_temporary_error_never_a_fail(broken):
    zone = Zone({("partner.example", "TXT"): ["v=spf1 include:b.example -all"]}, broken=frozenset({broken}))
    found = await check_spf(envelope(), zone, time_limit_s=5)

    assert found.result == "temperror"


async def test_a_record_that_asks_too_much_is_a_permanent_error():
    chain = {(f"d{n}.example", "TXT"): [f"v=spf1 include:d{n + 1}.example -all"] for n in range(12)}
    found = await spf(chain, mail_from="a@d0.example")

    assert found.result == "permerror"


async def test_without_a_client_address_there_is_nothing_to_check():
    zone = Zone()
    found = await check_spf(envelope(client_ip=""), zone, time_limit_s=5)

    assert (found.result, zone.asked) == ("none", [])


@pytest.mark.parametrize(
    "mail_from", ["@", "a@" + "x." * 300, "\x00@\r\n", "a@ü.example", "a@b@c", "x" * 5000]
)
async def test_hostile_senders_get_a_result(mail_from):
    found = await spf({}, mail_from=mail_from, helo="\x00" * 500, client_ip="not an address")

    assert found.result in {"none", "permerror", "temperror"}
