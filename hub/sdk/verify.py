"""Webhook signatures as data: algorithm, encoding, headers, prefix, signed content, tolerance, live secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Refusal", "Scheme", "Verified", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a vendor signs."""

    name: str
    headers: tuple[str, ...]
    """Header names to look in, lower case, first match wins."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    prefix: str = ""
    content: tuple[Literal["id", "timestamp", "body"], ...] = ("body",)
    """Parts that are signed, joined by a dot."""
    form: Literal["plain", "t=,v1=", "standard-webhooks"] = "plain"
    id_header: str = ""
    timestamp_header: str = ""
    tolerance_s: float = 300.0
    """Replay window, both ways; meaningful only where there is a timestamp."""
    secret: Literal["text", "whsec"] = "text"
    """`whsec`: the secret is base64 after its prefix and is decoded before use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Proof that the body came from who knows a secret."""

    scheme: str
    secret_index: int
    """Which of the live secrets matched, for metrics of a rotation."""
    delivery_id: str = ""
    timestamp_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a signature does not hold: a machine-readable code and a sentence that says what to do."""

    code: Literal[
        "signature_missing",
        "signature_malformed",
        "signature_mismatch",
        "timestamp_missing",
        "timestamp_malformed",
        "timestamp_outside_tolerance",
    ]
    message: str


def verify(
    schemes: Sequence[Scheme], secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float
) -> Verified | Refusal:
    """Check `body` (raw bytes as received) against every scheme and every live secret, in constant time."""
    raise NotImplementedError
