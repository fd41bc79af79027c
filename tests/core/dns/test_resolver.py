"""The resolver against a real server: what each kind of answer becomes, and that everything is bounded."""

import asyncio

import pytest

from core.dns.resolver import Lookups, NameServers
from tests.factories.dns import DnsServer, no_server


@pytest.mark.parametrize(
    ("kind", "value", "seen"),
    [
        ("TXT", "v=spf1 -all", "v=spf1 -all"),
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:db8::1", "2001:db8::1"),
        ("CNAME", "Target.example.NET.", "target.example.net"),
        ("MX", "10 MX1.example.net.", "mx1.example.net"),
    ],
)
async def test_a_record_is_found(zone, resolver, kind, value, seen):
    zone.zone["example.com"] = {kind: [value]}

    answer = await resolver.lookup("Example.com", kind)

    assert (answer.state, answer.values) == ("found", (seen,))


async def test_mail_servers_come_with_their_priorities_in_order(zone, resolver):
    zone.zone["example.com"] = {"MX": ["20 b.example.net", "10 z.example.net", "10 a.example.net"]}

    answer = await resolver.lookup("example.com", "MX")

    assert answer.values == ("a.example.net", "z.example.net", "b.example.net")
    assert answer.priorities == (10, 10, 20)


async def test_a_null_mx_is_an_empty_host(zone, resolver):
    zone.zone["example.com"] = {"MX": ["0 ."]}

    assert (await resolver.lookup("example.com", "MX")).values == ("",)


async def test_a_name_without_such_a_record_is_not_one_that_is_absent(zone, resolver):
    zone.zone["example.com"] = {"A": ["192.0.2.1"]}

    there = await resolver.lookup("example.com", "TXT")
    nowhere = await resolver.lookup("other.example.com", "TXT")

    assert (there.state, nowhere.state) == ("empty", "absent")


async def test_an_alias_is_followed(zone, resolver):
    zone.zone |= {"a.example.com": {"CNAME": ["b.example.com"]}, "b.example.com": {"TXT": ["here"]}}

    assert (await resolver.lookup("a.example.com", "TXT")).values == ("here",)


@pytest.mark.parametrize("mode", ["servfail", "refused"])
async def test_trouble_is_its_own_state_with_the_servers_word(zone, resolver, mode):
    zone.modes["example.com"] = mode
    answer = await resolver.lookup("example.com", "TXT")

    assert (answer.state, answer.reason) == ("failed", f"the name servers say {mode.upper()}")


@pytest.mark.parametrize("mode", ["timeout", "garbage"])
async def test_no_answer_is_trouble_too(zone, hasty, mode):
    zone.modes["example.com"] = mode
    answer = await hasty.lookup("example.com", "TXT")

    assert (answer.state, answer.reason) == ("failed", "the name servers do not answer in time")


async def test_a_server_that_is_not_there_is_trouble():
    resolver = NameServers([no_server()], timeout_s=0.2, lifetime_s=0.3)

    assert (await resolver.lookup("example.com", "TXT")).state == "failed"


async def test_a_loop_of_aliases_is_trouble_and_ends(zone, resolver):
    zone.zone |= {
        "a.example.com": {"CNAME": ["b.example.com"]},
        "b.example.com": {"CNAME": ["a.example.com"]},
    }

    assert (await resolver.lookup("a.example.com", "TXT")).state == "failed"


async def test_a_second_server_is_asked_when_the_first_fails(zone):
    zone.zone["example.com"] = {"TXT": ["here"]}
    async with DnsServer(modes={"*": "servfail"}) as broken:
        resolver = NameServers([broken.address, zone.address], timeout_s=20, lifetime_s=40)

        assert (await resolver.lookup("example.com", "TXT")).values == ("here",)


async def test_an_answer_too_large_for_a_datagram_comes_over_tcp_and_is_bounded(zone, resolver):
    zone.zone["example.com"] = {"TXT": [f"{number:03d}" + "x" * 200 for number in range(250)]}

    answer = await resolver.lookup("example.com", "TXT")

    assert zone.over_tcp == 1
    assert len(answer.values) == 200
    assert {len(value) for value in answer.values} == {203}


async def test_a_long_text_is_joined(zone, resolver):
    zone.zone["example.com"] = {"TXT": ["y" * 4000]}

    assert (await resolver.lookup("example.com", "TXT")).values == ("y" * 4000,)


@pytest.mark.parametrize(
    "name", ["a" * 64 + ".com", ".".join(["abcdefg"] * 40), "a..b", "\x00.com", "", "ü.de"]
)
async def test_a_hostile_name_is_an_answer_too(zone, resolver, name):
    assert (await resolver.lookup(name, "TXT")).state in ("absent", "empty")


async def test_an_answer_is_kept_for_its_ttl_at_most_as_long_as_set(zone):
    now = [0.0]
    zone.zone["example.com"] = {"A": ["192.0.2.1"]}
    zone.ttl_s = 3600
    resolver = NameServers([zone.address], cache_s=30, clock=lambda: now[0])
    for at in (0.0, 29.0, 31.0):
        now[0] = at
        await resolver.lookup("example.com", "A")

    assert zone.asked["example.com", "A"] == 2


async def test_trouble_is_not_kept(zone):
    resolver = NameServers([zone.address], timeout_s=20, lifetime_s=40, cache_s=30)
    zone.modes["example.com"] = "servfail"
    first = await resolver.lookup("example.com", "A")
    zone.modes.clear()
    zone.zone["example.com"] = {"A": ["192.0.2.1"]}

    assert (first.state, (await resolver.lookup("example.com", "A")).state) == ("failed", "found")


async def test_no_more_questions_than_set_are_under_way(zone):
    zone.delay_s = 0.02
    resolver = NameServers([zone.address], timeout_s=20, lifetime_s=40, at_once=3)

    await asyncio.gather(*(resolver.lookup(f"n{number}.example.com", "A") for number in range(12)))

    assert zone.most_under_way <= 3
    assert sum(zone.asked.values()) == 12


async def test_a_piece_of_work_ends_at_its_deadline(zone):
    zone.modes["*"] = "timeout"
    work = Lookups(NameServers([zone.address], timeout_s=30, lifetime_s=60), deadline_s=0.1)

    first, second = await work.lookup("a.example.com", "A"), await work.lookup("b.example.com", "A")

    assert "time for this check" in first.reason
    assert "time for this check" in second.reason
    assert ("b.example.com", "A") not in zone.asked


async def test_a_piece_of_work_asks_no_more_than_it_may(zone, resolver):
    work = Lookups(resolver, most=2)

    answers = [await work.lookup(f"n{number}.example.com", "A") for number in range(3)]

    assert [answer.state for answer in answers] == ["absent", "absent", "failed"]


async def test_a_piece_of_work_asks_once(zone, resolver):
    work = Lookups(resolver)
    for _ in range(3):
        await work.lookup("example.com", "A")

    assert zone.asked["example.com", "A"] == 1


@pytest.mark.parametrize(
    "address", ["dns.example.com", "192.0.2.1:0", "192.0.2.1:x", "", "[::1", "1.2.3.4:99999"]
)
def test_a_name_server_that_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="write an address"):
        NameServers([address])


@pytest.mark.parametrize("address", ["192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53", "2001:db8::1"])
def test_addresses_of_both_families_with_and_without_port_are_read(address):
    assert NameServers([address])
