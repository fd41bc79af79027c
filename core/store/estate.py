"""What the service runs on: cluster nodes, licence, DKIM keys, TLS certificates."""

import sqlite3
from dataclasses import dataclass

__all__ = [
    "Certificate",
    "DkimKey",
    "Licence",
    "Node",
    "add_certificate",
    "add_dkim_key",
    "beat",
    "certificates",
    "dkim_keys",
    "licence",
    "mark_certificate",
    "mark_dkim_key",
    "node",
    "nodes",
    "put_licence",
    "remove_certificate",
    "remove_dkim_key",
    "set_present",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """`present` is what the cluster believes, `heartbeat_ms` when the node was last heard."""

    id: str
    address: str
    present: bool
    heartbeat_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    tier: str
    max_domains: int
    valid_until_ms: int
    refreshed_ms: int
    refresh_due_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimKey:
    """`warned` says that its rotation was announced."""

    domain: str
    selector: str
    created_ms: int
    warned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """`warned` says that its end was announced."""

    serial: str
    subject: str
    issuer: str
    not_after_ms: int
    warned: bool = False


def beat(db: sqlite3.Connection, node_id: str, address: str, now_ms: int) -> None:
    """A node was heard; a new one is not present before the detector has seen it."""
    db.execute(
        "INSERT INTO node VALUES (?, ?, 0, ?)"
        " ON CONFLICT (id) DO UPDATE SET heartbeat_ms = excluded.heartbeat_ms",
        (node_id, address, now_ms),
    )


def set_present(db: sqlite3.Connection, node_id: str, *, present: bool) -> None:
    db.execute("UPDATE node SET present = ? WHERE id = ?", (int(present), node_id))


def nodes(db: sqlite3.Connection) -> list[Node]:
    return [_node(row) for row in db.execute("SELECT * FROM node ORDER BY id")]


def node(db: sqlite3.Connection, node_id: str) -> Node | None:
    row = db.execute("SELECT * FROM node WHERE id = ?", (node_id,)).fetchone()
    return None if row is None else _node(row)


def licence(db: sqlite3.Connection) -> Licence | None:
    row = db.execute(
        "SELECT tier, max_domains, valid_until_ms, refreshed_ms, refresh_due_ms FROM licence"
    ).fetchone()
    return None if row is None else Licence(**dict(row))


def put_licence(db: sqlite3.Connection, new: Licence) -> None:
    db.execute(
        "INSERT OR REPLACE INTO licence VALUES (1, ?, ?, ?, ?, ?)",
        (new.tier, new.max_domains, new.valid_until_ms, new.refreshed_ms, new.refresh_due_ms),
    )


def add_dkim_key(db: sqlite3.Connection, key: DkimKey) -> None:
    db.execute(
        "INSERT INTO dkim_key (domain, selector, created_ms) VALUES (?, ?, ?)",
        (key.domain, key.selector, key.created_ms),
    )


def remove_dkim_key(db: sqlite3.Connection, key: DkimKey) -> None:
    db.execute("DELETE FROM dkim_key WHERE domain = ? AND selector = ?", (key.domain, key.selector))


def mark_dkim_key(db: sqlite3.Connection, key: DkimKey) -> None:
    db.execute("UPDATE dkim_key SET warned = 1 WHERE domain = ? AND selector = ?", (key.domain, key.selector))


def dkim_keys(db: sqlite3.Connection) -> list[DkimKey]:
    rows = db.execute("SELECT * FROM dkim_key ORDER BY created_ms, domain")
    return [
        DkimKey(
            domain=row["domain"],
            selector=row["selector"],
            created_ms=row["created_ms"],
            warned=bool(row["warned"]),
        )
        for row in rows
    ]


def add_certificate(db: sqlite3.Connection, certificate: Certificate) -> None:
    db.execute(
        "INSERT INTO certificate (serial, subject, issuer, not_after_ms) VALUES (?, ?, ?, ?)",
        (certificate.serial, certificate.subject, certificate.issuer, certificate.not_after_ms),
    )


def remove_certificate(db: sqlite3.Connection, serial: str) -> None:
    db.execute("DELETE FROM certificate WHERE serial = ?", (serial,))


def mark_certificate(db: sqlite3.Connection, serial: str) -> None:
    db.execute("UPDATE certificate SET warned = 1 WHERE serial = ?", (serial,))


def certificates(db: sqlite3.Connection) -> list[Certificate]:
    rows = db.execute("SELECT * FROM certificate ORDER BY not_after_ms, serial")
    return [
        Certificate(
            serial=row["serial"],
            subject=row["subject"],
            issuer=row["issuer"],
            not_after_ms=row["not_after_ms"],
            warned=bool(row["warned"]),
        )
        for row in rows
    ]


def _node(row: sqlite3.Row) -> Node:
    return Node(
        id=row["id"], address=row["address"], present=bool(row["present"]), heartbeat_ms=row["heartbeat_ms"]
    )
