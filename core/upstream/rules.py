"""What a mailbox, a forwarder or a list entry may look like, wherever it is kept."""

import re
from collections.abc import Sequence
from typing import Final

from core.dns.names import BadName, domain_name
from core.upstream.errors import Refused
from core.upstream.provider import CatchAll

__all__ = [
    "HIGH_SCORES",
    "MOST_SENT",
    "SPECIAL",
    "check_address",
    "check_catch_all",
    "check_destinations",
    "check_domain",
    "check_entry",
    "check_limits",
    "check_local_part",
    "check_password",
    "check_score",
]

SPECIAL: Final = (":blackhole:", ":fail:")
HIGH_SCORES: Final = (1, 50)
MOST_SENT: Final = 9_600
_LOCAL_CHARS: Final = 64
_LEAST_PASSWORD: Final = 8
_MOST_PASSWORD: Final = 256
_MOST_ENTRY: Final = 254
_MOST_DESTINATIONS: Final = 100
_LOCAL: Final = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_ENTRY: Final = re.compile(r"[A-Za-z0-9@.\-_*]+")


def check_local_part(text: str, *, field: str = "username") -> str:
    """The part before the @ (a dot-atom of RFC 5322), lower case. Raises `Refused`."""
    plain = text.strip().lower()
    if len(plain) > _LOCAL_CHARS or not _LOCAL.fullmatch(plain):
        raise Refused(f"{field}: {text[:80]!r} is no name before an @", field=field)
    return plain


def check_domain(text: str, *, field: str = "domain") -> str:
    """A domain in A-labels. Raises `Refused`."""
    try:
        return domain_name(text)
    except BadName as error:
        raise Refused(f"{field}: {error}", field=field) from error


def check_address(text: str, *, field: str = "address") -> str:
    """An address, its domain in A-labels. Raises `Refused`."""
    local, _, domain = text.strip().rpartition("@")
    return f"{check_local_part(local, field=field)}@{check_domain(domain, field=field)}"


def check_destinations(texts: Sequence[str]) -> tuple[str, ...]:
    """Where a forwarder leads: addresses, or one special word alone. Raises `Refused`."""
    field = "destinations"
    plain = tuple(dict.fromkeys(text.strip() for text in texts))
    if not plain or len(plain) > _MOST_DESTINATIONS:
        raise Refused(f"{field}: give 1 to {_MOST_DESTINATIONS} addresses", field=field)
    special = [each for each in plain if each.lower() in SPECIAL]
    if special and len(plain) > 1:
        raise Refused(f"{field}: {special[0]} stands alone", field=field)
    return (special[0].lower(),) if special else tuple(check_address(each, field=field) for each in plain)


def check_catch_all(catch_all: CatchAll) -> CatchAll:
    """The address belongs to its kind. Raises `Refused`."""
    if catch_all.kind == "address":
        return CatchAll(kind="address", address=check_address(catch_all.address))
    if catch_all.address:
        raise Refused(f"address: there is none with {catch_all.kind}", field="address")
    return catch_all


def check_password(password: str) -> None:
    """MXroute's rule: 8 characters or more, with a capital, a small letter and a digit. Raises `Refused`."""
    kinds = (str.isupper, str.islower, str.isdecimal)
    good = _LEAST_PASSWORD <= len(password) <= _MOST_PASSWORD
    if not good or not all(any(kind(char) for char in password) for kind in kinds):
        message = (
            f"password: {_LEAST_PASSWORD} characters or more, with a capital, a small letter and a digit"
        )
        raise Refused(message, field="password")


def check_limits(quota_mb: int | None, send_limit: int | None) -> None:
    """Raises `Refused`."""
    if quota_mb is not None and quota_mb < 0:
        raise Refused("quota: MB, 0 for no limit", field="quota")
    if send_limit is not None and not 0 <= send_limit <= MOST_SENT:
        raise Refused(f"limit: 0 to {MOST_SENT} messages a day", field="limit")


def check_score(score: int) -> int:
    """Raises `Refused`."""
    least, most = HIGH_SCORES
    if not least <= score <= most:
        raise Refused(f"high_score: {least} to {most}", field="high_score")
    return score


def check_entry(text: str) -> str:
    """An entry of a spam list: an address, a domain or a pattern with `*`. Raises `Refused`.

    `.` and `..` would lead to the list itself when they stand in a path.
    """
    plain = text.strip()
    if len(plain) > _MOST_ENTRY or not _ENTRY.fullmatch(plain) or plain in (".", ".."):
        raise Refused(f"entry: {text[:80]!r} is no address, domain or pattern with *", field="entry")
    return plain
