"""The guard against an oracle that shares nothing with it: the registries as data, the standard library."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.http import Guard, Refused

V4, V6 = ipaddress.IPv4Address, ipaddress.IPv6Address
REGISTRY = {
    # iana.org/assignments/iana-ipv4-special-registry, with the RFC that asked for each block.
    "0.0.0.0/8": "RFC 791",
    "10.0.0.0/8": "RFC 1918",
    "100.64.0.0/10": "RFC 6598",
    "127.0.0.0/8": "RFC 1122",
    "169.254.0.0/16": "RFC 3927",
    "172.16.0.0/12": "RFC 1918",
    "192.0.0.0/24": "RFC 6890",
    "192.0.2.0/24": "RFC 5737",
    "192.31.196.0/24": "RFC 7535",
    "192.52.193.0/24": "RFC 7450",
    "192.88.99.0/24": "RFC 7526",
    "192.168.0.0/16": "RFC 1918",
    "192.175.48.0/24": "RFC 7534",
    "198.18.0.0/15": "RFC 2544",
    "198.51.100.0/24": "RFC 5737",
    "203.0.113.0/24": "RFC 5737",
    "240.0.0.0/4": "RFC 1112",
    "224.0.0.0/4": "RFC 5771, multicast",
    # iana.org/assignments/iana-ipv6-special-registry
    "::1/128": "RFC 4291",
    "::/128": "RFC 4291",
    "64:ff9b:1::/48": "RFC 8215",
    "100::/64": "RFC 6666",
    "100:0:0:1::/64": "RFC 9780",
    "2001::/23": "RFC 2928",
    "2001::/32": "RFC 4380",
    "2001:1::1/128": "RFC 7723",
    "2001:1::2/128": "RFC 8155",
    "2001:1::3/128": "RFC 9665",
    "2001:2::/48": "RFC 5180",
    "2001:3::/32": "RFC 7450",
    "2001:4:112::/48": "RFC 7535",
    "2001:10::/28": "RFC 4843",
    "2001:20::/28": "RFC 7343",
    "2001:30::/28": "RFC 9374",
    "2001:db8::/32": "RFC 3849",
    "2002::/16": "RFC 3056",
    "2620:4f:8000::/48": "RFC 7534",
    "3fff::/20": "RFC 9637",
    "5f00::/16": "RFC 9602",
    "fc00::/7": "RFC 4193",
    "fe80::/10": "RFC 4291",
    "fec0::/10": "RFC 3879, site-local",
    "ff00::/8": "RFC 4291, multicast",
    "::/96": "RFC 4291, IPv4-compatible",
    "::ffff:0:0:0/96": "RFC 2765, IPv4-translated",
    # What clouds answer on.
    "168.63.129.16/32": "Azure",
    "100.100.100.200/32": "Alibaba",
    "192.0.0.192/32": "Oracle",
    "fd00:ec2::254/128": "AWS",
    "fd20:ce::254/128": "Google",
}
NETWORKS = [ipaddress.ip_network(text) for text in REGISTRY]
MAPPED, NAT64 = ipaddress.ip_network("::ffff:0:0/96"), ipaddress.ip_network("64:ff9b::/96")
CARRIERS = {
    "mapped": lambda v4: V6((0xFFFF << 32) + int(v4)),
    "NAT64": lambda v4: V6((0x64FF9B << 96) + int(v4)),
    "ISATAP": lambda v4: V6((0x26064700_00000000 << 64) + (0x5EFE << 32) + int(v4)),
    "ISATAP of a global address": lambda v4: V6((0x26064700_00000000 << 64) + (0x02005EFE << 32) + int(v4)),
}
TUNNELS = {
    "compatible": lambda v4: V6(int(v4)),
    "translated": lambda v4: V6((0xFFFF << 48) + int(v4)),
    "private NAT64": lambda v4: V6((0x64FF9B0001 << 80) + int(v4)),
    "6to4": lambda v4: V6((0x2002 << 112) + (int(v4) << 80)),
    "Teredo, its server": lambda v4: V6((0x20010000 << 96) + (int(v4) << 64)),
    "Teredo, its client": lambda v4: V6((0x20010000 << 96) + (int(v4) ^ 0xFFFFFFFF)),
}


def is_public(address):
    """What the registries and the standard library agree to call public."""
    carried = V4(int(address) & 0xFFFFFFFF)
    if address.version == 6 and (address in MAPPED or address in NAT64):
        return is_public(carried)
    if address.version == 6 and (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE and not is_public(carried):
        return False
    listed = any(address.version == net.version and address in net for net in NETWORKS)
    return address.is_global and not listed


def near(network):
    """Addresses inside a network, at its edges and just beyond them."""
    first, last = int(network.network_address), int(network.broadcast_address)
    most = 2**network.max_prefixlen - 1
    edges = st.sampled_from([max(first - 1, 0), first, last, min(last + 1, most)])
    make = V4 if network.version == 4 else V6
    return (edges | st.integers(first, last)).map(make)


addresses = st.sampled_from([*NETWORKS, MAPPED, NAT64]).flatmap(near) | st.ip_addresses()
v4_addresses = addresses.filter(lambda address: address.version == 4)


@pytest.mark.parametrize("text", REGISTRY)
def test_a_special_range_is_refused_from_its_first_to_its_last_address(text):
    network = ipaddress.ip_network(text)

    for address in (network.network_address, network.broadcast_address):
        assert Guard().objection(str(address)) is not None


@given(addresses)
def test_the_guard_and_the_oracle_agree(address):
    allowed = Guard().objection(str(address)) is None

    # Above 2000::/3 nothing is assigned; the library calls it global, we do not.
    assigned = address.version == 4 or address in ipaddress.ip_network("2000::/3")
    carried = address.version == 6 and (address in MAPPED or address in NAT64)
    assert allowed == (is_public(address) and (assigned or carried))


@pytest.mark.parametrize("carry", CARRIERS.values(), ids=CARRIERS)
@given(v4=v4_addresses)
def test_an_address_within_an_address_is_judged_by_the_inner_one(carry, v4):
    assert (Guard().objection(str(carry(v4))) is None) == is_public(v4)


@pytest.mark.parametrize("carry", TUNNELS.values(), ids=TUNNELS)
@given(v4=v4_addresses)
def test_a_tunnel_is_refused_wherever_it_leads(carry, v4):
    assert Guard().objection(str(carry(v4))) is not None


@given(addresses, st.sampled_from(["eth0", "1", "25", "lo%25x"]))
def test_a_zone_changes_no_judgement(address, zone):
    if address.version == 6:
        assert Guard().objection(f"{address}%{zone}") == Guard().objection(str(address))


@given(addresses)
def test_the_socket_factory_judges_as_the_guard_does(address):
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    info = (family, socket.SOCK_STREAM, 0, "", (str(address), 80))
    if Guard().objection(str(address)) is None:
        with Guard().make_socket(info) as made:
            assert made.family == family
    else:
        with pytest.raises(PermissionError):
            Guard().make_socket(info)


def _part(number, base):
    return {8: f"0{number:o}", 16: f"0x{number:x}", 10: str(number)}[base]


@st.composite
def spellings(draw):
    """An IPv4 address as `inet_aton` reads it: one to four parts, each decimal, octal or hexadecimal."""
    number, count = draw(st.integers(0, 2**32 - 1)), draw(st.integers(1, 4))
    heads = [(number >> (24 - 8 * at)) & 0xFF for at in range(count - 1)]
    parts = [*heads, number & (2 ** (32 - 8 * len(heads)) - 1)]
    text = ".".join(_part(each, draw(st.sampled_from((8, 10, 16)))) for each in parts)
    return V4(number), text + draw(st.sampled_from(["", "."]))


@given(spellings())
def test_an_ipv4_address_passes_in_its_one_plain_spelling_only(spelled):
    address, text = spelled
    assert socket.inet_aton(text.rstrip(".")) == address.packed  # the system would go there
    if text == str(address) and is_public(address):
        Guard().check_literal(text)
        assert Guard().objection(text) is None
    else:
        with pytest.raises(Refused):
            Guard().check_literal(text)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,3}\.?", fullmatch=True))
def test_a_name_is_left_to_the_look_up(name):
    Guard().check_literal(name)

    assert Guard().objection(name) == f"{name!r} is not an address"


@given(st.lists(st.sampled_from(NETWORKS), max_size=3), addresses)
def test_an_allowed_network_opens_itself_and_nothing_else(allow, address):
    carried = address.version == 6 and (address in MAPPED or address in NAT64)
    reached = [address, *([V4(int(address) & 0xFFFFFFFF)] if carried else [])]
    named = any(each.version == net.version and each in net for net in allow for each in reached)

    opened = Guard(map(str, allow)).objection(str(address)) is None

    assert opened == (named or Guard().objection(str(address)) is None)
