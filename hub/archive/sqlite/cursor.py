"""Opaque page cursors: the place of the last hit, with a checksum, so that a damaged one is told apart."""

import base64
import binascii
import struct
from hashlib import blake2b
from typing import NamedTuple

__all__ = ["FeedCursor", "PageCursor", "decode", "encode_feed", "encode_page"]

_SUM_BYTES = 4
_PAGE, _FEED = b"p", b"f"
_PLACE = struct.Struct(">qIQ")
_POSITION = struct.Struct(">IQ")


class PageCursor(NamedTuple):
    """The last hit of a page, newest first."""

    time_ms: int
    partition: int
    seq: int


class FeedCursor(NamedTuple):
    """Per partition the last seq that was looked at, in record order."""

    positions: dict[int, int]


def _sum(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=_SUM_BYTES, person=b"mxhub-cursor").digest()


def _seal(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload + _sum(payload)).rstrip(b"=").decode()


def encode_page(cursor: PageCursor) -> str:
    return _seal(_PAGE + _PLACE.pack(*cursor))


def encode_feed(cursor: FeedCursor) -> str:
    return _seal(_FEED + b"".join(_POSITION.pack(*item) for item in sorted(cursor.positions.items())))


def decode(text: str) -> PageCursor | FeedCursor:
    """Raises `ValueError` that tells the user what to do when `text` is no cursor of ours."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        payload, checksum = raw[:-_SUM_BYTES], raw[-_SUM_BYTES:]
        genuine = _sum(payload) == checksum and _seal(payload) == text
        if genuine and payload[:1] == _PAGE:
            return PageCursor(*_PLACE.unpack(payload[1:]))
        if genuine:
            return FeedCursor(dict(_POSITION.iter_unpack(payload[1:])))
    except (ValueError, binascii.Error, struct.error):
        pass
    raise ValueError(f"cursor {text[:40]!r} is damaged: pass the one of the last page unchanged, or none")
