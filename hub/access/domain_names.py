"""Domains as grants hold them."""

import re
from typing import Final

__all__ = ["check_domain", "normal_domain"]

_DOMAIN: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9])?")


def normal_domain(text: str) -> str:
    """Lower case, A-labels, no final dot; what is no domain stays as it is otherwise. Never fails."""
    name = text.strip().rstrip(".").lower()
    if name.isascii():
        return name
    try:
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def check_domain(text: str) -> str:
    """As `normal_domain`. Raises `ValueError` for what cannot be one."""
    name = normal_domain(text)
    if not _DOMAIN.fullmatch(name) or ".." in name:
        raise ValueError(f"{text[:80]!r} is no domain")
    return name
