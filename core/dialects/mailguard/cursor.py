"""Opaque cursors of the audit log: a place in the merged order, bound to the filters, signed.

A cursor names a place, not a row number, so entries that are added while a client pages shift nothing.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import sha256

import msgspec

from core.store.audit import Position, Query

__all__ = ["Cursor", "CursorExpired", "CursorInvalid", "read", "write"]

_MAC_BYTES = 16
_MAX_CHARS = 4096


class CursorInvalid(ValueError):
    """Not one of ours, or altered."""


class CursorExpired(ValueError):
    """One of ours, but too old."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What travels; `issued_ms` is when the page was made."""

    at_ms: int
    node_id: str
    number: int
    issued_ms: int
    from_ms: int | None
    to_ms: int | None
    actor: str | None
    resource: str | None
    domain: str | None

    @property
    def position(self) -> Position:
        return Position(self.at_ms, self.node_id, self.number)

    @property
    def query(self) -> Query:
        return Query(
            from_ms=self.from_ms,
            to_ms=self.to_ms,
            actor=self.actor,
            resource=self.resource,
            domain=self.domain,
        )


def write(key: bytes, position: Position, query: Query, issued_ms: int) -> str:
    """The cursor that continues `query` after `position`."""
    cursor = Cursor(
        position.at_ms,
        position.node_id,
        position.number,
        issued_ms,
        query.from_ms,
        query.to_ms,
        query.actor,
        query.resource,
        query.domain,
    )
    body = msgspec.json.encode(cursor)
    return urlsafe_b64encode(_mac(key, body) + body).decode().rstrip("=")


def read(key: bytes, text: str, now_ms: int, ttl_ms: int) -> Cursor:
    """Raises `CursorInvalid` and `CursorExpired`."""
    if len(text) > _MAX_CHARS:
        raise CursorInvalid("cursor is too long")
    try:
        raw = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, Base64Error) as error:
        raise CursorInvalid("cursor is not one of this server's") from error
    mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(key, body)):
        raise CursorInvalid("cursor is not one of this server's")
    cursor = msgspec.json.decode(body, type=Cursor)
    if now_ms - cursor.issued_ms > ttl_ms:
        raise CursorExpired("cursor has expired: start again with from=")
    return cursor


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, sha256).digest()[:_MAC_BYTES]
