"""Exact-match conditions as terms of the full-text index, which intersect with each other and with words.

What has few values is a letter and a small number of the file. An address or message id is a letter and 40
bits of its BLAKE2b hash: some millionth of all questions find one event too many, unless they name a field
(then the row decides).
"""

from hashlib import blake2b

__all__ = ["domain_key", "kind_key", "origin_key", "whole_key"]


def whole_key(text: str) -> str:
    return "a" + blake2b(text.encode("utf-8", "replace"), digest_size=5).hexdigest()


def domain_key(number: int) -> str:
    return f"d{number}"


def kind_key(number: int) -> str:
    return f"k{number}"


def origin_key(number: int) -> str:
    return f"o{number}"
