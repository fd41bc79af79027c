"""Reputation of client addresses."""

import sqlite3

from core.engine.reputation import Standing

__all__ = ["get", "listed", "put"]


def get(db: sqlite3.Connection, ip: str) -> Standing:
    """What is known of an address; a new one has the start value."""
    row = db.execute("SELECT ip, score, messages, listed FROM reputation WHERE ip = ?", (ip,)).fetchone()
    if row is None:
        return Standing(ip=ip)
    return Standing(ip=row["ip"], score=row["score"], messages=row["messages"], listed=bool(row["listed"]))


def put(db: sqlite3.Connection, standing: Standing, now_ms: int) -> None:
    db.execute(
        "INSERT INTO reputation VALUES (?,?,?,?,?) ON CONFLICT (ip) DO UPDATE SET"
        " score = excluded.score, messages = excluded.messages, listed = excluded.listed,"
        " updated_ms = excluded.updated_ms",
        (standing.ip, standing.score, standing.messages, int(standing.listed), now_ms),
    )


def listed(db: sqlite3.Connection) -> list[str]:
    """Addresses on the list."""
    return [row["ip"] for row in db.execute("SELECT ip FROM reputation WHERE listed = 1 ORDER BY ip")]
