"""Addresses as OCSF accepts them (`email_t`, `ip_t`): what does not fit is kept elsewhere."""

import re
from collections.abc import Iterable
from ipaddress import ip_address

__all__ = ["domain_of", "email_t", "ip_t", "split_addresses"]

_EMAIL_T = re.compile(r"[a-zA-Z0-9!#$%&'*+\-/=?^_`{|}~.]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9.-]+")
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}", re.ASCII)
MAX_ADDRESS = 320
"""64 octets local part, `@`, 255 octets domain (RFC 5321 4.5.3.1)."""


def email_t(address: str) -> str | None:
    """Give `address` back when it is an OCSF `email_t` (`local@label.label`, ASCII).

    An internationalised domain becomes A-labels. The null sender, quoted local parts, bare host names and
    anything else give `None`.
    """
    if _EMAIL_T.fullmatch(address):
        return address if len(address) <= MAX_ADDRESS else None
    if address.isascii() or len(address) > MAX_ADDRESS:
        return None
    local, _, domain = address.rpartition("@")
    try:
        encoded = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None
    return encoded if _EMAIL_T.fullmatch(encoded) else None


def ip_t(text: str) -> str | None:
    """Give the IP address in its canonical form, without a zone; `None` when it is none."""
    if _IPV4.fullmatch(text):
        return text
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return None


def split_addresses(addresses: Iterable[str]) -> tuple[list[str], list[str]]:
    """`(as email_t, those that had to be changed or do not fit, as they were)`."""
    good: list[str] = []
    other: list[str] = []
    for address in addresses:
        fitting = email_t(address)
        if fitting is not None:
            good.append(fitting)
        if fitting != address:
            other.append(address)
    return good, other


def domain_of(address: str) -> str:
    """The part after the last `@`, lower case; empty when there is none."""
    return address.rpartition("@")[2].strip(" <>.").lower() if "@" in address else ""
