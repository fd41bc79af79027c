"""Sender lists and rules at three tiers: which entry decides for a sender and a recipient.

The nearest tier decides: user before domain before account; within a tier safe beats block. Pure: the entries
are given, nothing is looked up.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Literal

from core.engine.domains import to_ascii

__all__ = [
    "BadItem",
    "Entry",
    "ItemType",
    "Kind",
    "Sender",
    "Tier",
    "decide",
    "item_type",
    "owner_address",
    "plain_address",
]

Tier = Literal["user", "domain", "account"]
Kind = Literal["safe", "block"]
ItemType = Literal["address", "domain", "subdomains", "ip", "cidr", "wildcard"]

_TIERS: tuple[Tier, ...] = ("user", "domain", "account")
_KINDS: tuple[Kind, ...] = ("safe", "block")
_DOMAIN = re.compile(r"(?!-)[^\s@*?\[\]/]{1,253}")
_MAX_ITEM_CHARS = 320


class BadItem(ValueError):
    """The text is no item of a list; says what would be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`owner` is the recipient's address (user), its domain (domain), or empty (account).

    `item`: `user@d`, `d` or `@d` (that domain), `.d` (its subdomains), an address of a client, a network, or
    any of the first three with `*` and `?`. Domains are in A-labels, as `core.lists.items` writes them.
    `id` is the stored entry's, for who asks which one decided.
    """

    tier: Tier
    kind: Kind
    item: str
    owner: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent: the envelope's address, that of the From header, the client's IP address. Any may be
    empty.
    """

    mail_from: str
    header_from: str
    client_ip: str


def item_type(item: str) -> ItemType:
    """What an item of a list is.

    Raises `BadItem`.
    """
    text = item.strip()
    if not text or len(text) > _MAX_ITEM_CHARS or re.search(r"\s", text):
        raise BadItem(
            f"{item[:80]!r} is no list item: give an address, a domain, .domain, an IP or a network"
        )
    if "*" in text or "?" in text:
        return "wildcard"
    network = _network_type(text)
    if network is not None:
        return network
    local, at, domain = text.rpartition("@")
    if not _DOMAIN.fullmatch(domain.removeprefix(".")):
        raise BadItem(f"{item[:80]!r} is no list item: {domain[:80]!r} is no domain")
    if at and local:
        return "address"
    return "subdomains" if text.startswith(".") else "domain"


def _network_type(text: str) -> ItemType | None:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return "cidr" if "/" in text and network.num_addresses > 1 else "ip"


def decide(
    entries: Iterable[Entry], sender: Sender, recipient: str, *, authenticated: bool = True
) -> Entry | None:
    """The entry that decides, or None. The first of equals in the given order.

    A safe entry that names an address or a domain counts only while `authenticated`: without that, whoever
    forges a safe sender would be safe.
    """
    sender = replace(
        sender, mail_from=plain_address(sender.mail_from), header_from=plain_address(sender.header_from)
    )
    recipient = owner_address(recipient)
    found: dict[tuple[Tier, Kind], Entry] = {}
    for entry in entries:
        rank = (entry.tier, entry.kind)
        if (
            rank not in found
            and _applies(entry, recipient)
            and _matches(entry, sender, authenticated=authenticated)
        ):
            found[rank] = entry
    ranks = ((tier, kind) for tier in _TIERS for kind in _KINDS)
    return next((found[rank] for rank in ranks if rank in found), None)


def plain_address(address: str) -> str:
    """The address as entries are compared with it: lower case, the domain in A-labels."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local}{at}{to_ascii(domain)}"


def owner_address(address: str) -> str:
    """Whose lists and settings hold for an address: that of `plain_address` without a `+tag`."""
    local, at, domain = plain_address(address).rpartition("@")
    return f"{local.partition('+')[0] or local}{at}{domain}"


def _applies(entry: Entry, address: str) -> bool:
    if entry.tier == "user":
        return owner_address(entry.owner) == address
    if entry.tier == "domain":
        return entry.owner.lower() == address.rpartition("@")[2]
    return True


def _matches(entry: Entry, sender: Sender, *, authenticated: bool) -> bool:
    try:
        kind = item_type(entry.item)
    except BadItem:
        return False
    item = entry.item.strip().lower()
    if kind in {"ip", "cidr"}:
        return _in_network(sender.client_ip, item)
    if entry.kind == "safe" and not authenticated:
        return False
    addresses = (sender.mail_from, sender.header_from)
    return any(_names(kind, item, address) for address in addresses if address)


def _in_network(client_ip: str, item: str) -> bool:
    try:
        address = ip_address(client_ip)
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address) in ip_network(item, strict=False)
    except (ValueError, TypeError):
        return False


def _names(kind: ItemType, item: str, address: str) -> bool:
    domain = address.rpartition("@")[2]
    if kind == "wildcard":
        pattern = item.replace("[", "[[]")
        return fnmatchcase(address if "@" in item else domain, pattern)
    if kind == "address":
        return address == item
    return domain.endswith(item) if kind == "subdomains" else domain == item.removeprefix("@")
