"""Signatures of every scheme, right and wrong."""

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from random import Random

__all__ = ["SECRET", "SOURCES", "SOURCES_YAML", "forged", "signed"]

SECRET = b"fuzz-secret-of-the-vendor"
_WHSEC = "whsec_" + base64.b64encode(SECRET).decode()
Headers = list[tuple[str, bytes]]

SOURCES_YAML = f"""
  hex: {{vendor: mailguard, secrets: [old, {SECRET.decode()}], signature: hmac-hex}}
  base64: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-base64}}
  base64url: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: hmac-base64url}}
  prefixed: {{vendor: mailguard, secrets: [{SECRET.decode()}, old], signature: sha256-prefixed}}
  stripe: {{vendor: mailguard, secrets: [{SECRET.decode()}], signature: t-v1}}
  standard: {{vendor: mailguard, secrets: ["{_WHSEC}"], signature: standard-webhooks}}
  stamped:
    vendor: mailguard
    secrets: [{SECRET.decode()}]
    signature: {{name: hmac-hex, content: [timestamp, body], timestamp_header: x-timestamp}}
  any: {{vendor: mailguard, secrets: [old, {SECRET.decode()}]}}
"""
"""One source a scheme, and one that takes them all."""


def _digest(content: bytes) -> bytes:
    return hmac.digest(SECRET, content, "sha256")


def _hex(body: bytes) -> Headers:
    return [("X-MailGuard-Signature", _digest(body).hex().encode())]


def _base64(body: bytes) -> Headers:
    return [("X-Signature", base64.b64encode(_digest(body)))]


def _base64url(body: bytes) -> Headers:
    return [("X-NMG-Signature", base64.urlsafe_b64encode(_digest(body)).rstrip(b"="))]


def _prefixed(body: bytes) -> Headers:
    return [("X-Hub-Signature-256", b"sha256=" + _digest(body).hex().encode())]


def _stripe(body: bytes) -> Headers:
    stamp = b"%d" % time.time()
    return [("X-Signature", b"t=%b,v1=%b" % (stamp, _digest(stamp + b"." + body).hex().encode()))]


def _standard(body: bytes) -> Headers:
    stamp, delivery = b"%d" % time.time(), b"msg_2Lh9KRb0pzN4LePd3XiA4v12Axj"
    signature = base64.b64encode(_digest(b".".join((delivery, stamp, body))))
    return [
        ("webhook-id", delivery), ("webhook-timestamp", stamp),
        ("webhook-signature", b"v1,%b" % signature),
    ]  # fmt: skip


def _stamped(body: bytes) -> Headers:
    stamp = b"%d" % time.time()
    return [("X-Timestamp", stamp), ("X-Signature", _digest(stamp + b"." + body).hex().encode())]


_SIGNERS: dict[str, Callable[[bytes], Headers]] = {
    "hex": _hex, "base64": _base64, "base64url": _base64url, "prefixed": _prefixed, "stripe": _stripe,
    "standard": _standard, "stamped": _stamped, "any": _prefixed,
}  # fmt: skip
SOURCES: Sequence[str] = tuple(_SIGNERS)


def signed(source: str, body: bytes) -> Headers:
    """Headers with a signature that holds."""
    return _SIGNERS[source](body)


def _noise(rng: Random) -> bytes:
    """Anything that may stand in a header's value."""
    alphabet = bytes(set(range(0x20, 0x100)) - {0x7F})
    return bytes(rng.choices(alphabet, k=rng.choice((1, 20, 64, 300, 4097, 7500))))


_WRONG: tuple[Callable[[Random, bytes], bytes], ...] = (
    lambda rng, value: b"",
    lambda rng, value: _noise(rng),
    lambda rng, value: value[: rng.randrange(len(value) // 2)],
    lambda rng, value: value[::-1],
    lambda rng, value: bytes(byte ^ 1 for byte in value),
    lambda rng, value: b"sha256=" * 3 + value,
    lambda rng, value: value.replace(b"v1", rng.choice((b"v0", b"t", b"V1"))),
    lambda rng, value: (
        b"t=" + rng.choice((b"-1", b"0", b"9" * 40, b"1e9", b"\xd9\xa1", b"")) + b",v1=" + value
    ),
    lambda rng, value: b",".join([b"v1=" + hashlib.sha256(value).hexdigest().encode()] * 60),
    lambda rng, value: rng.choice((b"9" * 20, b"-5", b"1777620133000", b"0", b"a.b", b"\xff\xfe", b"now")),
)


def forged(rng: Random, source: str, body: bytes) -> Headers:
    """Headers whose signature does not hold: missing, garbled, of another secret, scheme, body or time."""
    headers = signed(source, body + b" ") if rng.random() < 0.2 else signed(source, body)
    match rng.randrange(6):
        case 0:
            return [header for header in headers if "ignature" not in header[0]]
        case 1:
            other = rng.choice([name for name in SOURCES if name not in {source, "any"}])
            return signed(other, body + b"x")
        case 2:
            stale = [(n, b"1777620133") if "imestamp" in n else (n, v[::-1]) for n, v in headers]
            return stale + stale
        case _:
            at = rng.randrange(len(headers))
            name, value = headers[at]
            wrong = rng.choice(_WRONG)(rng, value)
            if wrong == value or "ignature" not in name:
                wrong = b"!" + wrong
            return [*headers[:at], (name, wrong), *headers[at + 1 :]]
