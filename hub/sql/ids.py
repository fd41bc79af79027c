"""Opaque ids of our own: a prefix that says what it is, and 100 random bits."""

import secrets

__all__ = ["new_id"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_CHARS = 20


def new_id(prefix: str) -> str:
    """For example `dom_7gq2m4xk3lv5wnd2a6bz`; the alphabet is that of RFC 4648 section 6, in lower case."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(_CHARS))}"
