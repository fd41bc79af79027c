"""API keys: the hash and the first 20 characters are kept, the key itself is shown once."""

import secrets
import sqlite3
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, cast, get_args

__all__ = [
    "PREFIX_CHARS",
    "SCOPES",
    "ApiKey",
    "Scope",
    "create",
    "delete",
    "every",
    "find",
    "live",
    "revoke",
    "touch",
]

Scope = Literal["read-only", "quarantine-only", "domain-admin", "full-admin"]
SCOPES: tuple[str, ...] = get_args(Scope)
PREFIX_CHARS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`domain` is set for `domain-admin` only."""

    id: int
    name: str
    prefix: str
    scope: Scope
    domain: str | None
    rate_limit_per_minute: int
    created_ms: int
    expires_ms: int | None
    last_used_ms: int | None
    revoked_ms: int | None


def create(
    db: sqlite3.Connection,
    *,
    name: str,
    scope: Scope,
    now_ms: int,
    domain: str | None = None,
    rate_limit_per_minute: int = 100,
    expires_ms: int | None = None,
    key: str | None = None,
) -> tuple[ApiKey, str]:
    """Add a key and return it with its text: `nmg_` and 64 hexadecimal digits, 256 bits of randomness.

    With that much randomness a plain SHA-256 is as good as a slow hash.
    """
    text = key or f"nmg_{secrets.token_hex(32)}"
    done = db.execute(
        "INSERT INTO api_key"
        " (name, hash, prefix, scope, domain, rate_limit_per_minute, created_ms, expires_ms)"
        " VALUES (?,?,?,?,?,?,?,?)",
        (name, _hash(text), text[:PREFIX_CHARS], scope, domain, rate_limit_per_minute, now_ms, expires_ms),
    )
    row = db.execute("SELECT * FROM api_key WHERE id = ?", (done.lastrowid,)).fetchone()
    return _key(row), text


def live(db: sqlite3.Connection, text: str, now_ms: int) -> ApiKey | None:
    """The key of that text, unless it was revoked or has expired."""
    row = db.execute(
        "SELECT * FROM api_key WHERE hash = ? AND revoked_ms IS NULL"
        " AND (expires_ms IS NULL OR expires_ms > ?)",
        (_hash(text), now_ms),
    ).fetchone()
    return None if row is None else _key(row)


def find(db: sqlite3.Connection, key_id: int) -> ApiKey | None:
    row = db.execute("SELECT * FROM api_key WHERE id = ?", (key_id,)).fetchone()
    return None if row is None else _key(row)


def every(db: sqlite3.Connection) -> list[ApiKey]:
    """All keys, revoked ones too, by id."""
    return [_key(row) for row in db.execute("SELECT * FROM api_key ORDER BY id")]


def touch(db: sqlite3.Connection, key_id: int, now_ms: int) -> None:
    """The key was used."""
    db.execute("UPDATE api_key SET last_used_ms = ? WHERE id = ?", (now_ms, key_id))


def revoke(db: sqlite3.Connection, key_id: int, now_ms: int) -> None:
    """From the next request on it is refused; a second call changes nothing."""
    db.execute("UPDATE api_key SET revoked_ms = COALESCE(revoked_ms, ?) WHERE id = ?", (now_ms, key_id))


def delete(db: sqlite3.Connection, key_id: int) -> None:
    """Forget it; what it did stays in the audit log under its prefix."""
    db.execute("DELETE FROM api_key WHERE id = ?", (key_id,))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        scope=cast(Scope, row["scope"]),
        domain=row["domain"],
        rate_limit_per_minute=row["rate_limit_per_minute"],
        created_ms=row["created_ms"],
        expires_ms=row["expires_ms"],
        last_used_ms=row["last_used_ms"],
        revoked_ms=row["revoked_ms"],
    )
