"""Exact-match conditions as terms of the full-text index, which intersect with each other and with words.

What has few values is a letter and a small number of the file. An address is a letter and 32 bits of its
BLAKE2b hash: it finds the candidates, and the row's own text decides.
"""

from hashlib import blake2b

__all__ = ["domain_key", "kind_key", "origin_key", "recipient_key", "sender_key"]


def _hashed(letter: str, value: str) -> str:
    return letter + blake2b(value.encode("utf-8", "replace"), digest_size=4).hexdigest()


def sender_key(address: str) -> str:
    return _hashed("s", address)


def recipient_key(address: str) -> str:
    return _hashed("r", address)


def domain_key(number: int) -> str:
    return f"d{number}"


def kind_key(number: int) -> str:
    return f"k{number}"


def origin_key(number: int) -> str:
    return f"o{number}"
