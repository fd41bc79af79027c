"""The licence: a JSON file signed with Ed25519.

`{"payload": base64 of JSON, "signature": base64}`; the signature is over `mxhub-licence-v1.` and the
payload's bytes as they stand, so no two writers can disagree about what was signed. The payload says `id`,
`holder`, `tier`, `max_domains`, `issued_at` and `valid_until` (ISO 8601).
"""

import base64
import binascii
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from core.store.clock import from_iso
from hub.sdk.ed25519 import sign_ed25519, verifies

__all__ = ["BadLicence", "LicenceFile", "load", "read", "signed"]

_CONTEXT: Final = b"mxhub-licence-v1."
_MOST_BYTES: Final = 64 * 1024
_MOST_CHARS: Final = 200
_MOST_DOMAINS: Final = 10**6


class BadLicence(ValueError):
    """No licence that counts. `reason` is `unreadable`, `malformed` or `signature`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceFile:
    """A licence whose signature holds; whether it is valid now is another question."""

    id: str
    holder: str
    tier: str
    max_domains: int
    issued_ms: int
    valid_until_ms: int
    fingerprint: str


def load(path: Path, keys: Sequence[str]) -> LicenceFile | None:
    """The file's licence; `None` when there is no file. Blocks. Raises `BadLicence`."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadLicence("unreadable", f"{path} is not a regular file")
            return read(file.read(_MOST_BYTES + 1), keys)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadLicence("unreadable", f"{path}: {error.strerror or type(error).__name__}") from error


def read(data: bytes, keys: Sequence[str]) -> LicenceFile:
    """A licence signed by one of the public keys (`whpk_...`). Raises `BadLicence`."""
    if len(data) > _MOST_BYTES:
        raise BadLicence("malformed", f"the licence file is larger than {_MOST_BYTES} bytes")
    outer = _object(data, "the file")
    payload, signature = _decoded(outer, "payload"), _decoded(outer, "signature")
    if not any(verifies(key.encode(), signature, _CONTEXT + payload) for key in keys):
        raise BadLicence("signature", "the licence is not signed by a key that is trusted here")
    body = _object(payload, "the payload")
    return LicenceFile(
        id=_text(body, "id"),
        holder=_text(body, "holder"),
        tier=_text(body, "tier"),
        max_domains=_number(body, "max_domains"),
        issued_ms=_moment(body, "issued_at"),
        valid_until_ms=_moment(body, "valid_until"),
        fingerprint=sha256(payload).hexdigest(),
    )


def signed(body: dict[str, Any], private_key: str) -> bytes:
    """A licence file of this body, signed with `whsk_...`. Raises `ValueError` for another kind of key."""
    payload = json.dumps(body, sort_keys=True).encode()
    signature = sign_ed25519(private_key.encode(), _CONTEXT + payload)
    parts = {"payload": payload, "signature": signature}
    return json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadLicence("malformed", f"{what} is no JSON") from error
    if not isinstance(found, dict):
        raise BadLicence("malformed", f"{what} is no JSON object")
    return found


def _decoded(outer: dict[str, Any], name: str) -> bytes:
    text = outer.get(name)
    try:
        return base64.b64decode(text if isinstance(text, str) else "!", validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadLicence("malformed", f"{name} is missing or no base64") from error


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_CHARS:
        raise BadLicence("malformed", f"{name} must be a text of 1 to {_MOST_CHARS} characters")
    return value


def _number(body: dict[str, Any], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST_DOMAINS:
        raise BadLicence("malformed", f"{name} must be a number from 0 to {_MOST_DOMAINS}")
    return value


def _moment(body: dict[str, Any], name: str) -> int:
    try:
        return from_iso(_text(body, name))
    except ValueError as error:
        raise BadLicence("malformed", f"{name} must be a moment as ISO 8601 writes it") from error
