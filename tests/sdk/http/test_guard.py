"""Which addresses may be reached."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.http import Guard, Refused

SPECIAL = [
    "0.0.0.0",
    "10.0.0.5",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:53aa:64c:0:fbff:80ff:fffe",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", SPECIAL)
def test_a_special_address_is_refused(address):
    with pytest.raises(Refused, match="allow_networks"):
        Guard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_passes(address):
    assert Guard().objection(address) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::a01:203"])
def test_an_allowed_network_passes_in_every_form(address):
    assert Guard(["10.1.0.0/16"]).objection(address) is None


def test_only_the_allowed_network_passes():
    guard = Guard(["10.1.0.0/16", "fd12::/32"])

    assert guard.objection("fd12::7") is None
    assert guard.objection("10.2.0.1") == "10.2.0.1 is private"
    assert guard.objection("fd13::1") == "fd13::1 is private"


def test_a_network_with_host_bits_is_taken_as_its_network():
    assert Guard(["192.168.7.9/24"]).objection("192.168.7.1") is None


def test_a_network_that_is_none_is_an_error():
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Guard(["10.0.0.0/99"])


def test_a_name_is_no_literal_and_passes_to_resolution():
    Guard().check_literal("example.org")

    assert Guard().objection("example.org") == "'example.org' is not an address"


def test_a_bracketed_literal_is_judged():
    with pytest.raises(Refused, match="loopback"):
        Guard().check_literal("[::1]")


def test_the_socket_factory_refuses_what_slipped_past():
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 80))

    with pytest.raises(PermissionError, match="loopback"):
        Guard().make_socket(info)


@given(st.ip_addresses())
def test_what_the_standard_library_calls_not_global_is_never_let_pass(address):
    """Our table is written out; the library's own view is a second opinion."""
    nat64 = address.version == 6 and address in ipaddress.ip_network("64:ff9b::/96")
    mapped = getattr(address, "ipv4_mapped", None)
    if Guard().objection(str(address)) is None and not nat64:
        judged = mapped or address
        assert not judged.is_loopback
        assert not judged.is_private
        assert not judged.is_link_local
        assert not judged.is_multicast
        assert not judged.is_reserved


@given(st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_as_the_plain_one(address):
    plain = Guard().objection(str(address)) is None

    assert (Guard().objection(f"::ffff:{address}") is None) == plain
    assert (Guard().objection(str(ipaddress.IPv6Address((0x64FF9B << 96) + int(address)))) is None) == plain


@given(st.text())
def test_any_text_gets_a_verdict(text):
    said = Guard().objection(text)

    assert said is None or said.isprintable()
