"""What stands on a list, in the one form in which it is stored and compared."""

import re
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network

from core.engine.lists import BadItem, ItemType, Kind, Tier, item_type, owner_address, plain_address

__all__ = [
    "BadItem",
    "Item",
    "ListName",
    "Shelf",
    "client_forms",
    "list_named",
    "normalise",
    "sender_forms",
    "shelf",
]

_MAPPED_BITS = 96
_MAX_LABELS = 128
_LABEL = re.compile(r"[a-z0-9_*?-]*")


@dataclass(frozen=True, slots=True)
class Item:
    """`text` is normal: lower case, A-labels, addresses and networks in their shortest form."""

    type: ItemType
    text: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a list belongs: a tier, and its owner (nothing, the domain, the address)."""

    tier: Tier
    owner: str = ""

    @property
    def domain(self) -> str:
        """The domain that a key needs for it; nothing at account level."""
        return self.owner.rpartition("@")[2]


@dataclass(frozen=True, slots=True)
class ListName:
    """A name of a list; `deprecated` says what to write instead, or nothing."""

    kind: Kind
    deprecated: str = ""


_NAMES = {
    "safelist": ListName("safe"),
    "blocklist": ListName("block"),
    **dict.fromkeys(("whitelist", "allow"), ListName("safe", "write safelist")),
    **dict.fromkeys(("blacklist", "block"), ListName("block", "write blocklist")),
}


def list_named(name: str) -> ListName:
    """The list of a name, old names included.

    Raises `ValueError` for any other.
    """
    found = _NAMES.get(name.lower())
    if found is None:
        raise ValueError(f"no list is named {name[:40]!r}: safelist or blocklist")
    return found


def normalise(text: str) -> Item:
    """What an item is, and its normal form.

    Raises `BadItem`, also for what would match everybody.
    """
    kind = item_type(text)
    plain = text.strip().lower()
    if not plain.isprintable():
        raise BadItem(f"{text[:80]!r} is no list item: it holds characters that cannot be printed")
    if kind in {"ip", "cidr"}:
        return _network(plain)
    local, at, domain = plain.rpartition("@")
    dot = "." if domain.startswith(".") and kind != "wildcard" else ""
    if dot and local:
        raise BadItem(f"{text[:80]!r} is no list item: an address has a domain without a dot before it")
    labels = _labels(domain.removeprefix(dot).removesuffix("."), text)
    between = at if local or kind == "wildcard" else dot
    normal = f"{local}{between}{labels}"
    if item_type(normal) != kind or not normal.strip("*?.@"):
        raise BadItem(f"{text[:80]!r} would match every sender: name at least a part of an address or domain")
    return Item(kind, normal)


def shelf(tier: Tier, owner: str = "") -> Shelf:
    """A shelf with its owner in normal form; `name+tag` is `name`.

    Raises `BadItem` when the owner is not what the tier asks for.
    """
    if tier == "account":
        if owner:
            raise BadItem("the lists of the account belong to no domain or user")
        return Shelf(tier)
    wanted = "address" if tier == "user" else "domain"
    item = normalise(owner)
    if item.type != wanted:
        raise BadItem(f"{owner[:80]!r} is no {wanted}, which lists of a {tier} belong to")
    return Shelf(tier, owner_address(item.text) if tier == "user" else item.text)


def _network(text: str) -> Item:
    if "%" in text:
        raise BadItem(f"{text[:80]!r} is no list item: an address means the same everywhere, without a zone")
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_BITS:
            network = ip_network((mapped, network.prefixlen - _MAPPED_BITS))
    if network.prefixlen == 0:
        raise BadItem(f"{text!r} is every client: write a smaller network")
    if network.num_addresses == 1:
        return Item("ip", str(network.network_address))
    return Item("cidr", str(network))


def _labels(domain: str, text: str) -> str:
    """The domain in A-labels; labels with a wildcard stay as they are."""
    return ".".join(_label(label, text) for label in domain.split("."))


def _label(label: str, text: str) -> str:
    try:
        plain = label if label.isascii() else label.encode("idna").decode("ascii")
    except UnicodeError:
        plain = " "
    if not _LABEL.fullmatch(plain):
        raise BadItem(f"{text[:80]!r} is no list item: {label[:63]!r} is no part of a domain")
    return plain


def client_forms(client_ip: str) -> tuple[str, ...]:
    """How an entry for just this client is written; none when it is no address."""
    try:
        address = ip_address(client_ip)
    except ValueError:
        return ()
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (str(mapped or address),)


def sender_forms(address: str) -> tuple[str, ...]:
    """How entries for just this sender, its domain, or a domain above that are written."""
    plain = plain_address(address)
    domain = plain.rpartition("@")[2]
    above = domain.split(".")[-_MAX_LABELS:]
    parents = (f".{'.'.join(above[depth:])}" for depth in range(1, len(above)))
    return (plain, domain, *parents) if domain else ()
