"""Domain names: who owns one, by the public suffix list that travels with the library."""

from functools import cache

from publicsuffixlist import PublicSuffixList

__all__ = ["is_public_suffix", "owner", "to_ascii"]


def owner(name: str) -> str:
    """The organisational domain of a name: one label below its public suffix, else the name itself."""
    plain = name.lower().rstrip(".")
    return _suffixes().privatesuffix(plain) or plain


def is_public_suffix(name: str) -> bool:
    """Whether names below it belong to different people (`co.uk`); any single label counts as one."""
    plain = name.lower().rstrip(".")
    return _suffixes().publicsuffix(plain) == plain


def to_ascii(name: str) -> str:
    """The name in A-labels, lower case; one that has no such form stays as it is."""
    plain = name.strip().rstrip(".").lower()
    if plain.isascii():
        return plain
    try:
        return plain.encode("idna").decode("ascii")
    except UnicodeError:
        return plain


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()
