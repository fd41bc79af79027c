"""Domain names as the core writes them: A-labels, lower case, no final dot."""

import ipaddress

import dns.exception
import dns.name

from core.engine.domains import owner

__all__ = ["BadName", "check_unicode", "domain_name", "same_name", "unicode_name", "within", "zones_of"]

_MOST_CHARS = 253
_LABEL = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


class BadName(ValueError):
    """What was written is no domain name. `str()` says why."""


def domain_name(text: str) -> str:
    """The name in A-labels (IDNA 2008, mapped as UTS 46), lower case, without a final dot.

    Raises `BadName`: no labels, a label over 63 or a name over 253 characters, an address, characters that no
    mail domain has.
    """
    shown = text[:80]
    try:
        name = dns.name.from_text(text.strip(), dns.name.root, dns.name.IDNA_2008_Practical)
        plain = name.to_text(omit_final_dot=True).lower()
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        raise BadName(f"{shown!r} is no domain name") from error
    labels = plain.split(".")
    good = len(labels) > 1 and all(_is_label(label) for label in labels) and "\\" not in text
    if not good or len(plain) > _MOST_CHARS or _is_address(plain):
        raise BadName(f"{shown!r} is no domain name: write something like example.com")
    return plain


def unicode_name(name: str) -> str:
    """The name as people write it, where that leads back to the same name; else as it is.

    What is in A-labels need not be what it decodes to: such a name would pass for another one.
    """
    try:
        shown = _decoded(name)
        return shown if domain_name(shown) == name else name
    except BadName:
        return name


def check_unicode(text: str) -> None:
    """Raises `BadName` for what has no form in Unicode: a broken label, an A-label that cannot be decoded."""
    _decoded(text)


def _decoded(text: str) -> str:
    try:
        name = dns.name.from_text(text, dns.name.root, dns.name.IDNA_2008_Practical)
        return name.to_unicode(omit_final_dot=True, idna_codec=dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, ValueError, IndexError) as error:
        raise BadName(f"{text[:80]!r} has no form in Unicode") from error


def same_name(one: str, other: str) -> bool:
    """Whether two names are one to the DNS."""
    return one.lower().rstrip(".") == other.lower().rstrip(".")


def within(name: str, domain: str) -> str:
    """The full name of a record's host: `@` or nothing is the domain, a relative name gets it added."""
    host = name.strip().lower().rstrip(".")
    if host in ("", "@"):
        return domain
    return host if host == domain or host.endswith(f".{domain}") else f"{host}.{domain}"


def zones_of(domain: str) -> tuple[str, ...]:
    """Names of the zones that may hold the domain, the longest first; never a public suffix."""
    labels = domain.split(".")
    fewest = owner(domain).count(".") + 1
    return tuple(".".join(labels[start:]) for start in range(len(labels) - fewest + 1))


def _is_label(label: str) -> bool:
    return bool(label) and set(label) <= _LABEL and label[0] != "-" and label[-1] != "-"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
