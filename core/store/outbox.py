"""The events of the service, and where each webhook endpoint stands among them.

An event is written in the transaction of the change it tells about. Endpoints read them in order; one that
every endpoint has passed is deleted. The number waiting is bounded: beyond it the oldest are given up, and
counted.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "EVENT_NAMES",
    "Delivery",
    "Endpoint",
    "Event",
    "configure",
    "delivered",
    "emit",
    "endpoints",
    "failed",
    "give_up",
    "remove",
    "trim",
    "waiting",
]

EVENT_NAMES: tuple[str, ...] = (
    "quarantine.added",
    "quarantine.released",
    "quarantine.discarded",
    "reputation.threshold_crossed",
    "license.changed",
    "cluster.node_joined",
    "cluster.node_left",
    "dkim.rotation_due",
    "cert.expiring",
)
"""As MailGuard's REST API page lists them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    seq: int
    id: str
    name: str
    at_ms: int
    node_id: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`position` is the last event that it took or that was given up; `names` the events it wants."""

    id: str
    url: str
    secret: str
    names: tuple[str, ...]
    position: int
    attempts: int
    due_ms: int
    delivered: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """The next event for an endpoint."""

    endpoint: Endpoint
    event: Event


def emit(db: sqlite3.Connection, name: str, node_id: str, at_ms: int, data: Mapping[str, Any]) -> str:
    """Add an event to the running transaction and return its id."""
    event_id = f"evt_{secrets.token_hex(12)}"
    db.execute(
        "INSERT INTO event (id, name, at_ms, node_id, data) VALUES (?,?,?,?,?)",
        (event_id, name, at_ms, node_id, json.dumps(data)),
    )
    return event_id


def configure(
    db: sqlite3.Connection, endpoint_id: str, *, url: str, secret: str, names: Sequence[str] = EVENT_NAMES
) -> None:
    """Add an endpoint (it gets what happens from now on) or change one (it keeps its place)."""
    top = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    db.execute(
        "INSERT INTO endpoint (id, url, secret, names, position) VALUES (?,?,?,?,?)"
        " ON CONFLICT (id) DO UPDATE SET url = excluded.url, secret = excluded.secret,"
        " names = excluded.names, attempts = 0, due_ms = 0",
        (endpoint_id, url, secret, json.dumps(list(names)), top["seq"] if top else 0),
    )


def remove(db: sqlite3.Connection, endpoint_id: str) -> None:
    """Forget an endpoint and its place."""
    db.execute("DELETE FROM endpoint WHERE id = ?", (endpoint_id,))


def endpoints(db: sqlite3.Connection) -> list[Endpoint]:
    return [_endpoint(row) for row in db.execute("SELECT * FROM endpoint ORDER BY id")]


def waiting(db: sqlite3.Connection, endpoint_id: str, limit: int) -> list[Delivery]:
    """The next events that an endpoint wants, oldest first. Empty when there is no such endpoint."""
    row = db.execute("SELECT * FROM endpoint WHERE id = ?", (endpoint_id,)).fetchone()
    if row is None:
        return []
    endpoint = _endpoint(row)
    marks = ",".join("?" * len(endpoint.names))
    rows = db.execute(
        f"SELECT * FROM event WHERE seq > ? AND name IN ({marks}) ORDER BY seq LIMIT ?",  # noqa: S608 -- only marks
        (endpoint.position, *endpoint.names, limit),
    )
    return [Delivery(endpoint, _event(row)) for row in rows]


def delivered(db: sqlite3.Connection, endpoint_id: str, seq: int) -> None:
    """The endpoint answered 2xx for this event."""
    db.execute(
        "UPDATE endpoint SET position = ?, attempts = 0, due_ms = 0, delivered = delivered + 1"
        " WHERE id = ? AND position < ?",
        (seq, endpoint_id, seq),
    )


def failed(db: sqlite3.Connection, endpoint_id: str, due_ms: int) -> None:
    """The event at the head stays there; the next try is due then."""
    db.execute("UPDATE endpoint SET attempts = attempts + 1, due_ms = ? WHERE id = ?", (due_ms, endpoint_id))


def give_up(db: sqlite3.Connection, endpoint_id: str, seq: int) -> None:
    """Step over an event that the endpoint will never take."""
    db.execute(
        "UPDATE endpoint SET position = ?, attempts = 0, due_ms = 0, given_up = given_up + 1"
        " WHERE id = ? AND position < ?",
        (seq, endpoint_id, seq),
    )


def trim(db: sqlite3.Connection, keep: int) -> int:
    """Delete what every endpoint has passed, and more than `keep` waiting. Returns how many were given up."""
    top = db.execute("SELECT MAX(seq) AS top FROM event").fetchone()["top"] or 0
    floor = max(int(top) - keep, 0)
    lost = 0
    for endpoint in endpoints(db):
        if endpoint.position < floor:
            lost += _skip_to(db, endpoint, floor)
        elif not waiting(db, endpoint.id, 1):
            db.execute(
                "UPDATE endpoint SET position = MAX(position, ?) WHERE id = ?", (int(top), endpoint.id)
            )
    passed = db.execute("SELECT MIN(position) AS low FROM endpoint").fetchone()["low"]
    db.execute("DELETE FROM event WHERE seq <= ?", (int(top) if passed is None else int(passed),))
    return lost


def _skip_to(db: sqlite3.Connection, endpoint: Endpoint, floor: int) -> int:
    marks = ",".join("?" * len(endpoint.names))
    row = db.execute(
        f"SELECT COUNT(*) AS n FROM event WHERE seq > ? AND seq <= ? AND name IN ({marks})",  # noqa: S608 -- only marks
        (endpoint.position, floor, *endpoint.names),
    ).fetchone()
    db.execute(
        "UPDATE endpoint SET position = ?, given_up = given_up + ?, attempts = 0, due_ms = 0 WHERE id = ?",
        (floor, row["n"], endpoint.id),
    )
    return int(row["n"])


def _event(row: sqlite3.Row) -> Event:
    return Event(
        seq=row["seq"],
        id=row["id"],
        name=row["name"],
        at_ms=row["at_ms"],
        node_id=row["node_id"],
        data=json.loads(row["data"]),
    )


def _endpoint(row: sqlite3.Row) -> Endpoint:
    fields = dict(row)
    fields["names"] = tuple(json.loads(fields["names"]))
    return Endpoint(**fields)
