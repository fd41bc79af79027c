"""Single values of the store: keys for signing, counters of starts."""

import secrets
import sqlite3

__all__ = ["count_up", "get", "put", "secret"]


def get(db: sqlite3.Connection, key: str) -> str | None:
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row["value"])


def put(db: sqlite3.Connection, key: str, value: str) -> None:
    db.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, value),
    )


def secret(db: sqlite3.Connection, key: str) -> bytes:
    """32 random bytes, made at the first call and the same ever after."""
    known = get(db, key)
    if known is None:
        known = secrets.token_hex(32)
        put(db, key, known)
    return bytes.fromhex(known)


def count_up(db: sqlite3.Connection, key: str) -> int:
    """Add one and return the new value; the first is 1."""
    number = int(get(db, key) or 0) + 1
    put(db, key, str(number))
    return number
