"""Which addresses an outgoing connection may go to.

Only public addresses, unless a network is allowed by name: a URL that a customer may write must not reach
our own machines or a cloud's metadata service. Ranges: IANA special-purpose address registries (RFC 6890,
RFC 8190), the multicast and site-local ranges that stand in registries of their own, and what clouds use.
"""

import errno
import ipaddress
import re
import socket
from collections.abc import Iterable
from typing import Any

from hub.sdk.http.errors import Refused

__all__ = ["Guard"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SPECIAL: tuple[tuple[str, str], ...] = (
    ("0.0.0.0/8", "this host"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared by a carrier"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "a cloud's metadata service"),
    ("169.254.0.0/16", "link-local, where clouds serve metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "reserved"),
    ("192.0.2.0/24", "for documentation"),
    ("192.31.196.0/24", "a sink for reverse look-ups (AS112)"),
    ("192.52.193.0/24", "a multicast relay (AMT)"),
    ("192.88.99.0/24", "a 6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("192.175.48.0/24", "a sink for reverse look-ups (AS112)"),
    ("198.18.0.0/15", "for benchmarks"),
    ("198.51.100.0/24", "for documentation"),
    ("203.0.113.0/24", "for documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "this host"),
    ("::1/128", "loopback"),
    ("::/96", "an IPv4-compatible address"),
    ("::ffff:0:0:0/96", "an IPv4-translated address"),
    ("64:ff9b:1::/48", "a translator's private prefix"),
    ("100::/64", "a black hole"),
    ("2001::/32", "a Teredo tunnel"),
    ("2001::/23", "reserved"),
    ("2001:db8::/32", "for documentation"),
    ("2002::/16", "a 6to4 tunnel"),
    ("2620:4f:8000::/48", "a sink for reverse look-ups (AS112)"),
    ("3fff::/20", "for documentation"),
    ("5f00::/16", "a segment of a router's path"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("fec0::/10", "private"),
    ("ff00::/8", "multicast"),
)
_RANGES: tuple[tuple[Network, str], ...] = tuple((ipaddress.ip_network(net), what) for net, what in _SPECIAL)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_NUMBER = re.compile(r"(?:[0-9]+|0[xX][0-9a-fA-F]*)")


class Guard:
    """Judges addresses. `allow` holds networks (CIDR) that may be reached besides public addresses.

    Raises `ValueError` for a network that is none.
    """

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allow: tuple[Network, ...] = tuple(ipaddress.ip_network(each, strict=False) for each in allow)

    def objection(self, host: str) -> str | None:
        """What speaks against an address, e.g. `10.0.0.5 is private`; `None` when it may be reached."""
        address = _parse(host)
        if address is None:
            return f"{host!r} is not an address"
        plain = _embedded(address)
        if self._allowed(address) or self._allowed(plain):
            return None
        kind = _kind(plain)
        return None if kind is None else f"{address} is {kind}"

    def check(self, host: str, name: str = "") -> None:
        """Raises `Refused` when the address may not be reached. `name` is what resolved to it."""
        objection = self.objection(host)
        if objection is not None:
            prefix = f"{name} resolves to an address that is not public: " if name else ""
            raise Refused(f"{prefix}{objection}; if that is meant, add its network to allow_networks")

    def check_literal(self, host: str) -> None:
        """The same for a URL's host, when it is an address and not a name.

        `127.1`, `0x7f000001`, `017700000001` and the like are names to some libraries and addresses to others
        (WHATWG URL, "ends in a number"): they are refused whatever they mean.
        """
        if _parse(host) is not None:
            self.check(host)
        elif _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise Refused(f"{host}: write an address as four decimal numbers, such as 192.0.2.7")

    def make_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Last line: called with the very address that is about to be connected to (a socket factory)."""
        family, kind, protocol, _, address = info
        objection = self.objection(str(address[0]))
        if objection is not None:
            raise OSError(errno.EACCES, f"{objection}; if that is meant, add its network to allow_networks")
        return socket.socket(family=family, type=kind, proto=protocol)

    def _allowed(self, address: Address) -> bool:
        return any(address.version == net.version and address in net for net in self._allow)


def _parse(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _embedded(address: Address) -> Address:
    """The IPv4 address that the packets would end up at: IPv4-mapped, NAT64 (RFC 6052) and ISATAP (RFC 5214)
    forms unwrapped.
    """
    if isinstance(address, ipaddress.IPv4Address):
        return address
    isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP and _kind(address) is None
    if address.ipv4_mapped is not None or address in _NAT64 or isatap:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _kind(address: Address) -> str | None:
    for network, what in _RANGES:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return "reserved"
    return None
