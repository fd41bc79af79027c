"""DKIM key records: RFC 6376 section 3.6.1, Ed25519 by RFC 8463, lengths by RFC 8301."""

import base64
import binascii
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from core.dns.tags import parse_tags

__all__ = ["DkimKey", "parse_dkim", "same_key"]

_LEAST_BITS = 1024
_GOOD_BITS = 2048
_MOST_CHARS = 16_384
_ED25519_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """A key as published. `kind` is `rsa` or `ed25519`, or what the record names; `bits` of an RSA key."""

    text: str
    kind: str = "rsa"
    bits: int | None = None
    key: str = ""
    """The base64 of `p`, without white space."""
    is_revoked: bool = False
    is_testing: bool = False
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Whether a signature can be checked with it."""
        return not self.problems and not self.is_revoked


def parse_dkim(text: str) -> DkimKey:
    """Read a key record. Never raises: what is wrong stands in `problems`."""
    if len(text) > _MOST_CHARS:
        return DkimKey(text=text[:_MOST_CHARS], problems=(f"longer than {_MOST_CHARS} characters",))
    tags = parse_tags(text)
    kind = (tags.get("k") or "rsa").lower()
    key = "".join((tags.get("p") or "").split())
    problems = list(tags.problems)
    if tags.get("v") not in (None, "DKIM1") or (tags.get("v") is not None and tags.pairs[0][0] != "v"):
        problems.append("a key record begins with v=DKIM1, or has no v")
    if tags.get("p") is None:
        problems.append("p, the key, is missing")
    bits, trouble, warnings = _measure(kind, key) if key else (None, (), ())
    testing = "y" in (tags.get("t") or "").lower().replace(" ", "").split(":")
    return DkimKey(
        text=text,
        kind=kind,
        bits=bits,
        key=key,
        is_revoked=tags.get("p") == "",
        is_testing=testing,
        problems=(*problems, *trouble),
        warnings=(*warnings, *(("t=y: receivers treat the domain as testing DKIM",) if testing else ())),
    )


def same_key(one: str, other: str) -> bool:
    """Whether two records publish one key, however they are written."""
    first, second = parse_dkim(one), parse_dkim(other)
    return bool(first.key) and (first.kind, first.key) == (second.kind, second.key)


def _measure(kind: str, key: str) -> tuple[int | None, tuple[str, ...], tuple[str, ...]]:
    try:
        raw = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        return None, ("p is no base64",), ()
    if kind == "ed25519":
        good = len(raw) == _ED25519_BYTES
        return None, () if good else (f"an Ed25519 key has {_ED25519_BYTES} bytes, this one {len(raw)}",), ()
    if kind != "rsa":
        return None, (f"the key type {kind[:20]!r} is not known: rsa or ed25519",), ()
    return _measure_rsa(raw)


def _measure_rsa(raw: bytes) -> tuple[int | None, tuple[str, ...], tuple[str, ...]]:
    try:
        loaded = load_der_public_key(raw)
    except (ValueError, UnsupportedAlgorithm, TypeError):
        return None, (f"p holds no RSA key that can be used (at least {_LEAST_BITS} bits)",), ()
    if not isinstance(loaded, RSAPublicKey):
        return None, ("p holds another kind of key than k says",), ()
    bits = loaded.key_size
    if bits < _LEAST_BITS:
        return bits, (f"{bits} bits: receivers refuse keys below {_LEAST_BITS} bits (RFC 8301)",), ()
    short = (f"{bits} bits: keys should have {_GOOD_BITS} bits or more (RFC 8301)",)
    return bits, (), short if bits < _GOOD_BITS else ()
