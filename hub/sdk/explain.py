"""Why a signature does not hold: every scheme tried, and what would have matched (`mxhub verify`).

Works offline on a captured request. It is as slow as it likes to be and is never on the way of an event.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from hub.sdk.verify import (
    Claim,
    Refusal,
    Scheme,
    Verified,
    is_usable,
    key_of,
    read_claim,
    signed_bytes,
    verify,
)

__all__ = ["Explanation", "Trial", "explain"]

_ALGORITHMS = ("sha256", "sha1", "sha512")
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{27,}")
_DECODED: Literal["whsec"] = "whsec"
_NEARBY_DELIVERIES = 8
"""Most signature-like words of the headers that are looked at."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One scheme's outcome."""

    scheme: str
    outcome: str
    """`verified`, or the code of the refusal."""
    detail: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All trials, and what is most likely wrong, the likeliest first."""

    verified: bool
    trials: tuple[Trial, ...]
    hints: tuple[str, ...]


def explain(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Explanation:
    """Try every scheme alone and look for near misses. `headers` may have names of any case. Never raises."""
    headers = {name.lower(): value for name, value in headers.items()}
    trials = tuple(_trial(scheme, secrets, headers, body, now_s) for scheme in schemes)
    verified = any(trial.outcome == "verified" for trial in trials)
    hints: list[str] = []
    if not verified:
        for finder in (_clock_hints, _content_hints, _foreign_hints, _header_hints, _secret_hints):
            hints += [hint for hint in finder(schemes, secrets, headers, body, now_s) if hint not in hints]
        if not hints:
            hints.append(
                "no variant of the live secrets gives any signature in these headers: the secret differs"
            )
    return Explanation(verified, trials, tuple(hints))


def _trial(
    scheme: Scheme, secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now_s: float
) -> Trial:
    outcome = verify([scheme], secrets, headers, body, now_s)
    if isinstance(outcome, Verified):
        return Trial(scheme.name, "verified", f"secret {outcome.secret_index + 1} of {len(secrets)}")
    return Trial(scheme.name, outcome.code, outcome.message)


def _claims(schemes: Sequence[Scheme], headers: Mapping[str, str]) -> Iterator[tuple[Scheme, Claim]]:
    for scheme in schemes:
        claim = read_claim(scheme, headers)
        if isinstance(claim, Claim):
            yield scheme, claim


def _clock_hints(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Iterator[str]:
    for scheme, claim in _claims(schemes, headers):
        if not claim.timestamp or isinstance(
            verify([replace(scheme, tolerance_s=float("inf"))], secrets, headers, body, now_s), Refusal
        ):
            continue
        age = now_s - int(claim.timestamp)
        if abs(now_s - int(claim.timestamp) / 1000) <= scheme.tolerance_s:
            yield f"{scheme.name}: the signature is right, but its time is in milliseconds, not seconds"
        elif abs(age) > scheme.tolerance_s:
            side = "old" if age > 0 else "ahead of our clock"
            over = abs(age) - scheme.tolerance_s
            yield (
                f"{scheme.name}: the signature is right, but {abs(age):.0f} s {side}, {over:.0f} s too much"
                " (a replay, a late re-send with the old timestamp, or a clock that is off)"
            )


def _bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What a proxy or a framework may have made of the body on its way."""
    yield "the body without its trailing newline", body.rstrip(b"\r\n")
    yield "the body with a newline at its end", body + b"\n"
    yield "the body with CR LF line ends", body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    yield "the body with LF line ends", body.replace(b"\r\n", b"\n")
    yield "the body without white space around it", body.strip()
    yield "the body without its byte order mark", body.removeprefix(b"\xef\xbb\xbf")
    yield from _json_bodies(body)


def _json_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    import json

    try:
        parsed = json.loads(body)
        yield (
            "the body as compact JSON",
            json.dumps(parsed, separators=(",", ":"), ensure_ascii=False).encode(),
        )
        yield "the body as compact ASCII JSON", json.dumps(parsed, separators=(",", ":")).encode()
        yield "the body as JSON with spaces (re-serialised on the way)", json.dumps(parsed).encode()
    except (ValueError, RecursionError):
        return


def _keys(scheme: Scheme, secrets: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """Each secret as the scheme uses it, then as other senders would."""
    for number, secret in enumerate(secrets, 1):
        which = f"secret {number}"
        yield which, key_of(scheme, secret)
        yield f"{which} taken as text, prefix and all", secret
        yield f"{which} without white space around it", secret.strip()
        yield f"{which} without its prefix whsec_, as text", secret.removeprefix(b"whsec_")
        yield f"{which} decoded from base64", key_of(replace(scheme, secret=_DECODED), secret)
        try:
            yield f"{which} decoded from hexadecimal", binascii.unhexlify(secret)
        except ValueError:
            continue


def _content_hints(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Iterator[str]:
    """The header is as the scheme wants it: is it another body or another reading of the secret?"""
    del now_s
    for scheme, claim in _claims(schemes, headers):
        for (key_text, key), (body_text, variant) in product(
            _keys(scheme, secrets), [("the body as received", body), *_bodies(body)]
        ):
            if not key:
                continue
            content = signed_bytes(scheme, claim.delivery_id, claim.timestamp, variant)
            wanted = hmac.digest(key, content, scheme.algorithm)
            if wanted in claim.digests and not (key == key_of(scheme, secrets[0]) and variant == body):
                yield f"{scheme.name}: would match with {key_text} over {body_text}"
                break


def _foreign_hints(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Iterator[str]:
    """Some header holds a right digest of a variant that no scheme of the source asks for."""
    del now_s
    keyed = {key: text for scheme in schemes for text, key in reversed(list(_keys(scheme, secrets))) if key}
    stamp, delivery_id = _guess(headers, ("timestamp",)), _guess(headers, ("id", "delivery"))
    contents = [
        ("the body", body),
        *_bodies(body),
        ("timestamp.body", stamp.encode() + b"." + body),
        ("id.timestamp.body", f"{delivery_id}.{stamp}.".encode() + body),
        ("v0:timestamp:body", f"v0:{stamp}:".encode() + body),
    ]
    for (key, key_text), algorithm, (text, content) in product(keyed.items(), _ALGORITHMS, contents):
        found = _where(headers, hmac.digest(key, content, algorithm))
        if found:
            made = f"HMAC-{algorithm.upper()} with {key_text} over {text}"
            yield f"{found} holds {made}: describe it under `signature`"


def _guess(headers: Mapping[str, str], words: Sequence[str]) -> str:
    for name, value in headers.items():
        if any(re.search(rf"(^|-){word}$", name) for word in words):
            return value.encode("ascii", "ignore").decode()
    found = re.search(r"\bt=(\d+)", " ".join(headers.values()))
    return found.group(1) if found and "timestamp" in words else ""


def _where(headers: Mapping[str, str], digest: bytes) -> str:
    """`header x-sig (base64)` when a header holds the digest in some encoding."""
    forms = {
        "hex": digest.hex(),
        "base64": base64.b64encode(digest).decode().rstrip("="),
        "base64url": base64.urlsafe_b64encode(digest).decode().rstrip("="),
    }
    for name, value in headers.items():
        for token in _TOKEN.findall(value)[:_NEARBY_DELIVERIES]:
            for encoding, text in forms.items():
                candidate = token.lower() if encoding == "hex" else token.rstrip("=")
                if candidate == text or candidate.endswith(("=" + text, "," + text)):
                    lead = value.partition(token)[0] + token[: len(candidate) - len(text)]
                    return f"header {name} ({encoding}{f', after {lead!r}' if lead else ''})"
    return ""


def _header_hints(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Iterator[str]:
    """The header is there, but not in the form that a scheme asks for; or there is none at all."""
    del secrets, body, now_s
    for scheme in schemes:
        value = next((headers[name] for name in scheme.headers if name in headers), None)
        if value is not None and scheme.prefix and not value.startswith(scheme.prefix):
            yield f"{scheme.name}: the value lacks the prefix {scheme.prefix!r}"
    wanted = {name for scheme in schemes for name in scheme.headers}
    if not wanted & set(headers):
        like = [name for name in headers if re.search(r"sign|hmac|digest", name)]
        if like:
            yield f"no header that is looked for is there, but {', '.join(like)} is: set `signature.headers`"
        else:
            yield "no header looks like a signature: is a secret set at the vendor? does a proxy drop it?"


def _secret_hints(
    schemes: Sequence[Scheme],
    secrets: Sequence[bytes],
    headers: Mapping[str, str],
    body: bytes,
    now_s: float,
) -> Iterator[str]:
    del headers, body, now_s
    for number, secret in enumerate(secrets, 1):
        if not secret:
            yield f"secret {number} is empty"
        elif secret != secret.strip():
            yield f"secret {number} has white space around it (a trailing newline in its file?)"
        elif schemes and not any(is_usable(scheme, secret) for scheme in schemes):
            yield f"secret {number} is not base64 after whsec_ (or whpk_), which every scheme here wants"
