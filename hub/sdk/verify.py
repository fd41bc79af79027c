"""Webhook signatures as data: algorithm, encoding, headers, prefix, signed content, tolerance, live secrets.

Own code, because the vendors' libraries raise on hostile headers and decode the body before they verify it.
Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from hub.sdk.ed25519 import SIGNATURE_BYTES, is_ed25519, public_of, verifies

__all__ = [
    "STANDARD_WEBHOOKS",
    "Claim",
    "Refusal",
    "Scheme",
    "Verified",
    "is_usable",
    "key_of",
    "read_claim",
    "signed_bytes",
    "verify",
]

Part = Literal["id", "timestamp", "body"]

MAX_HEADER = 4096
"""Longest signature header that is looked at, characters."""
_MAX_TIMESTAMP_DIGITS = 15
_MAX_ED25519 = 8
"""Most v1a signatures that are looked at: each costs a tenth of a millisecond, nobody rotates more keys."""
_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha512": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How a vendor signs."""

    name: str
    headers: tuple[str, ...]
    """Header names to look in, lower case, first match wins."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64", "base64url"] = "hex"
    prefix: str = ""
    content: tuple[Part, ...] = ("body",)
    """Parts that are signed, joined by `separator`."""
    lead: str = ""
    """Fixed text before the first part (Slack: `v0:`)."""
    separator: str = "."
    form: Literal["plain", "t=,v1=", "standard-webhooks"] = "plain"
    id_header: str = ""
    timestamp_header: str = ""
    tolerance_s: float = 300.0
    """Replay window, both ways; meaningful only where there is a timestamp."""
    secret: Literal["text", "whsec"] = "text"  # noqa: S105  # a kind of secret, not one
    """`whsec`: the secret is base64 after its prefix and is decoded before use. Standard Webhooks also takes
    ed25519 keys, `whsk_` (signs, verifies) and `whpk_` (verifies): see `hub.sdk.ed25519`."""


STANDARD_WEBHOOKS = Scheme(
    name="standard-webhooks",
    headers=("webhook-signature",),
    encoding="base64",
    content=("id", "timestamp", "body"),
    form="standard-webhooks",
    id_header="webhook-id",
    timestamp_header="webhook-timestamp",
    secret="whsec",  # noqa: S106  # a kind of secret, not one
)


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


class Claim(NamedTuple):
    """What a request's headers claim under one scheme."""

    digests: tuple[bytes, ...]
    """Decoded signatures; one of them has to be right."""
    delivery_id: str
    timestamp: str
    ed25519: tuple[bytes, ...] = ()
    """Decoded v1a signatures of Standard Webhooks; one of them right is enough too."""


_NEARNESS = (
    "signature_missing",
    "signature_malformed",
    "timestamp_missing",
    "timestamp_malformed",
    "signature_mismatch",
    "timestamp_outside_tolerance",
)
"""Of several schemes' refusals the one that came furthest is told."""


def verify(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Verified | Refusal:
    """Check `body` (raw bytes as received) against every scheme and every live secret, in constant time.

    `headers` have lower-case names; `now_s` is epoch seconds. Never raises on anything a client can send.
    """
    nearest: Refusal | None = None
    for scheme in schemes:
        claim = read_claim(scheme, headers)
        outcome = claim if isinstance(claim, Refusal) else _prove(scheme, secrets, claim, body, now_s)
        if isinstance(outcome, Verified):
            return outcome
        if nearest is None or _NEARNESS.index(outcome.code) > _NEARNESS.index(nearest.code):
            nearest = outcome
    return nearest or Refusal(
        code="signature_missing", message="the source accepts no signature scheme; set one"
    )


def read_claim(scheme: Scheme, headers: Mapping[str, str]) -> Claim | Refusal:
    """Find and decode what the headers claim, without looking at the body."""
    value = _first(headers, scheme.headers)
    if value is None:
        looked = ", ".join(scheme.headers)
        return Refusal(
            code="signature_missing",
            message=f"no header {looked}; set its name in the source's profile, or the secret at the vendor",
        )
    if len(value) > MAX_HEADER:
        return Refusal(
            code="signature_malformed", message=f"the signature is longer than {MAX_HEADER} characters"
        )
    stamp = headers.get(scheme.timestamp_header, "") if scheme.timestamp_header else ""
    if scheme.form == "t=,v1=":
        stamp, texts = _split_stripe(value)
    elif scheme.form == "standard-webhooks":
        texts = _versions(value, "v1")
    else:
        texts = [value[len(scheme.prefix) :]] if value.startswith(scheme.prefix) else []
    digests = _decoded(texts, scheme.encoding, _DIGEST_BYTES[scheme.algorithm])
    ed25519: tuple[bytes, ...] = ()
    if scheme.form == "standard-webhooks":
        ed25519 = _decoded(_versions(value, "v1a"), "base64", SIGNATURE_BYTES)[:_MAX_ED25519]
    if not digests and not ed25519:
        return Refusal(code="signature_malformed", message=f"not of the form {_form(scheme)}")
    delivery_id = headers.get(scheme.id_header, "") if scheme.id_header else ""
    return _refuse_parts(scheme, delivery_id, stamp) or Claim(digests, delivery_id, stamp, ed25519)


def _first(headers: Mapping[str, str], names: Sequence[str]) -> str | None:
    for name in names:
        if name in headers:
            return headers[name]
    return None


def _split_stripe(value: str) -> tuple[str, list[str]]:
    """`t=1492774577,v1=5257a8...,v1=...,v0=...` -> the one t, every v1."""
    pairs = [item.strip().partition("=") for item in value.split(",")]
    stamps = [text for name, _, text in pairs if name == "t"]
    return stamps[0] if len(stamps) == 1 else "", [text for name, _, text in pairs if name == "v1"]


def _versions(value: str, version: str) -> list[str]:
    """`v1,K5oZ... v1a,hnO3...` -> the texts of one version; unknown ones are skipped."""
    return [item.partition(",")[2] for item in value.split(" ") if item.startswith(f"{version},")]


def _decoded(texts: Sequence[str], encoding: str, size: int) -> tuple[bytes, ...]:
    """Those of the right size."""
    return tuple(digest for text in texts if len(digest := _decode(text, encoding)) == size)


def _decode(text: str, encoding: str) -> bytes:
    """Give the bytes, or none when the text is not of the encoding; hex of any case, padding optional."""
    try:
        if encoding == "hex":
            digest = bytes.fromhex(text)
            return digest if 2 * len(digest) == len(text) else b""  # fromhex skips spaces
        if encoding == "base64url":
            text = text.replace("-", "+").replace("_", "/")
        text = text.rstrip("=")
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError:
        return b""


def _form(scheme: Scheme) -> str:
    value = f"<{scheme.encoding} of HMAC-{scheme.algorithm.upper()}>"
    if scheme.form == "t=,v1=":
        return f"t=<seconds>,v1={value}"
    return f"v1,{value}" if scheme.form == "standard-webhooks" else f"{scheme.prefix}{value}"


def _refuse_parts(scheme: Scheme, delivery_id: str, stamp: str) -> Refusal | None:
    if "id" in scheme.content and (not delivery_id or "." in delivery_id or not delivery_id.isascii()):
        return Refusal(
            code="signature_malformed",
            message=f"header {scheme.id_header} has to hold the signed delivery id: ASCII, without a dot",
        )
    if not (scheme.timestamp_header or "timestamp" in scheme.content):
        return None
    where = "t= of the signature" if scheme.form == "t=,v1=" else f"header {scheme.timestamp_header}"
    if not stamp:
        return Refusal(code="timestamp_missing", message=f"the timestamp is missing in {where}")
    if not (stamp.isascii() and stamp.isdigit()) or len(stamp) > _MAX_TIMESTAMP_DIGITS:
        return Refusal(code="timestamp_malformed", message=f"the timestamp in {where} is not epoch seconds")
    return None


def signed_bytes(scheme: Scheme, delivery_id: str, timestamp: str, body: bytes) -> bytes:
    """Give the bytes that the scheme signs."""
    if scheme.content == ("body",) and not scheme.lead:
        return body
    parts = {"id": delivery_id.encode(), "timestamp": timestamp.encode(), "body": body}
    return scheme.lead.encode() + scheme.separator.encode().join([parts[name] for name in scheme.content])


def key_of(scheme: Scheme, secret: bytes) -> bytes:
    """Give the HMAC key of a secret; empty (never matches) when the scheme cannot use it."""
    if scheme.secret == "text":  # noqa: S105  # a kind of secret, not one
        return secret
    return _decode(secret.removeprefix(b"whsec_").decode("latin-1"), "base64")


def is_usable(scheme: Scheme, secret: bytes) -> bool:
    """Whether the scheme can do anything with the secret."""
    if scheme.form == "standard-webhooks" and is_ed25519(secret):
        try:
            return bool(public_of(secret))
        except ValueError:
            return False
    return bool(key_of(scheme, secret))


def _prove(
    scheme: Scheme, secrets: Sequence[bytes], claim: Claim, body: bytes, now_s: float
) -> Verified | Refusal:
    content = signed_bytes(scheme, claim.delivery_id, claim.timestamp, body)
    matched = -1
    # Every secret is tried against every claimed digest, match or not: time tells nothing about either.
    for index, secret in enumerate(secrets):
        key = key_of(scheme, secret)
        wanted = hmac.digest(key, content, scheme.algorithm)
        for digest in claim.digests:
            if hmac.compare_digest(wanted, digest) and key:
                matched = index
        if any(verifies(secret, signature, content) for signature in claim.ed25519):
            matched = index
    if matched < 0:
        return Refusal(
            code="signature_mismatch",
            message="no live secret gives this signature; `mxhub capture` and `mxhub verify` tell why",
        )
    if not claim.timestamp:
        return Verified(scheme=scheme.name, secret_index=matched, delivery_id=claim.delivery_id)
    stamp = int(claim.timestamp)
    if abs(now_s - stamp) > scheme.tolerance_s:
        return Refusal(
            code="timestamp_outside_tolerance",
            message=f"signed {now_s - stamp:.0f} s ago; the window is {scheme.tolerance_s:.0f} s",
        )
    return Verified(
        scheme=scheme.name, secret_index=matched, delivery_id=claim.delivery_id, timestamp_s=stamp
    )
