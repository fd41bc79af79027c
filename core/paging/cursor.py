"""Opaque cursors: a place in a list, bound to the question that was asked, signed.

A cursor names a place (time and id of a row), never a count of rows, so rows that come and go shift nothing.
Text: base64url without padding of version, key id, fingerprint, JSON of the place, MAC (HMAC-SHA256, cut).
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from hub.web.errors import CursorExpired, ValidationFailed

__all__ = ["MAX_CHARS", "Cursors", "Place", "fingerprint"]

MAX_CHARS = 1024
_VERSION = b"\x01"
_KEY_ID_BYTES = 4
_PRINT_BYTES = 8
_MAC_BYTES = 16
_HEAD_BYTES = len(_VERSION) + _KEY_ID_BYTES + _PRINT_BYTES
_GO_ON = "pass the next_cursor of the last page unchanged, or none to begin again"


class Place(NamedTuple):
    """The last row of a page."""

    time_ms: int
    id: int | str


class _Body(msgspec.Struct, frozen=True, array_like=True):
    time_ms: int
    id: int | str
    issued_ms: int


def fingerprint(scope: str, filters: Mapping[str, Any]) -> bytes:
    """What a cursor belongs to: the list (with its tenant and order) and its filters.

    Filters of `None` are left out. Values are what JSON knows; anything else counts by its text.
    """
    asked = {name: value for name, value in filters.items() if value is not None}
    text = json.dumps([scope, asked], sort_keys=True, separators=(",", ":"), default=str)
    return sha256(text.encode()).digest()[:_PRINT_BYTES]


class Cursors:
    """Writes and reads cursors.

    Args:
        keys: the first signs; all are known, so a key can be changed while cursors are in use.

    Raises `ValueError` without a key.

    """

    def __init__(self, *keys: bytes) -> None:
        if not keys:
            raise ValueError("cursors need a key")
        self._keys = {_key_id(key): key for key in keys}
        self._signing = _key_id(keys[0])

    def write(self, place: Place, asked: bytes, now_ms: int = 0) -> str:
        """The cursor that goes on after `place`; `asked` is the `fingerprint` of the question."""
        body = msgspec.json.encode(_Body(place.time_ms, place.id, now_ms))
        signed = _VERSION + self._signing + asked + body
        return _text(signed + _mac(self._keys[self._signing], signed))

    def read(self, text: str, asked: bytes, *, now_ms: int = 0, max_age_ms: int | None = None) -> Place:
        """The place that a cursor names.

        Raises `ValidationFailed` when it is damaged, altered or belongs to another question, `CursorExpired`
        when an older release or a key that is gone wrote it, or when it is older than `max_age_ms`.
        """
        signed, mac = self._known(_raw(text))
        key_id = signed[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES]
        if not hmac.compare_digest(mac, _mac(self._keys[key_id], signed)):
            raise _invalid(f"it was altered: {_GO_ON}")
        if not hmac.compare_digest(asked, signed[_HEAD_BYTES - _PRINT_BYTES : _HEAD_BYTES]):
            raise _invalid(
                "it belongs to another list, order or set of filters: repeat those of its first page"
            )
        body = msgspec.json.decode(signed[_HEAD_BYTES:], type=_Body)
        if max_age_ms is not None and now_ms - body.issued_ms > max_age_ms:
            raise CursorExpired("the cursor has expired: begin again without one")
        return Place(body.time_ms, body.id)

    def _known(self, raw: bytes) -> tuple[bytes, bytes]:
        """What is signed and its MAC, once version and key are ours."""
        if len(raw) <= _HEAD_BYTES + _MAC_BYTES:
            raise _invalid(f"it is too short: {_GO_ON}")
        if raw[: len(_VERSION)] != _VERSION:
            raise CursorExpired("the cursor is of another release's form: begin again without one")
        if raw[len(_VERSION) : len(_VERSION) + _KEY_ID_BYTES] not in self._keys:
            raise CursorExpired("the cursor was signed with a key that is gone: begin again without one")
        return raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]


def _raw(text: str) -> bytes:
    if len(text) > MAX_CHARS:
        raise _invalid(f"it is longer than {MAX_CHARS} characters: {_GO_ON}")
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        raw = b""
    if not raw or _text(raw) != text:  # base64 has several texts for the same bytes: ours is one of them
        raise _invalid(f"it is damaged: {_GO_ON}")
    return raw


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _invalid(message: str) -> ValidationFailed:
    return ValidationFailed.of("cursor", message)


def _key_id(key: bytes) -> bytes:
    return sha256(b"cursor key id" + key).digest()[:_KEY_ID_BYTES]


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.new(key, signed, sha256).digest()[:_MAC_BYTES]
