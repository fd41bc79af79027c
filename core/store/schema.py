"""The schema as numbered steps; `PRAGMA user_version` says how far a file has come."""

import sqlite3

__all__ = ["MIGRATIONS", "NewerSchema", "migrate"]


class NewerSchema(Exception):
    """The file was written by a later release; it is left untouched."""


_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE domain (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    direction TEXT NOT NULL,
    active INTEGER NOT NULL,
    backend_servers TEXT NOT NULL,
    tag_threshold REAL NOT NULL,
    quarantine_threshold REAL NOT NULL,
    reject_threshold REAL NOT NULL,
    dkim_active INTEGER NOT NULL,
    dmarc_reporting INTEGER NOT NULL,
    tenant_id INTEGER,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
);

CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    node_id TEXT NOT NULL,
    queue_id TEXT NOT NULL,
    domain TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    client_ip TEXT NOT NULL,
    score REAL NOT NULL,
    symbols TEXT NOT NULL,
    reason TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX quarantine_place ON quarantine (node_id, queue_id);
CREATE INDEX quarantine_newest ON quarantine (arrived_ms DESC, id DESC);

CREATE TABLE verdict_count (
    day TEXT NOT NULL,
    domain TEXT NOT NULL,
    action TEXT NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (day, domain, action)
) WITHOUT ROWID;

CREATE TABLE reputation (
    ip TEXT PRIMARY KEY,
    score REAL NOT NULL,
    messages INTEGER NOT NULL,
    listed INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE node (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    present INTEGER NOT NULL,
    heartbeat_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    node_id TEXT NOT NULL,
    number INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    domain TEXT NOT NULL,
    result TEXT NOT NULL,
    details TEXT NOT NULL,
    mac TEXT NOT NULL,
    PRIMARY KEY (node_id, number)
) WITHOUT ROWID;
CREATE INDEX audit_time ON audit (at_ms, node_id, number);
CREATE TRIGGER audit_append_only BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_keeps BEFORE DELETE ON audit
WHEN OLD.at_ms >= COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'audit_kept_since_ms'), 0)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TABLE licence (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    tier TEXT NOT NULL,
    max_domains INTEGER NOT NULL,
    valid_until_ms INTEGER NOT NULL,
    refreshed_ms INTEGER NOT NULL,
    refresh_due_ms INTEGER NOT NULL
);

CREATE TABLE dkim_key (
    domain TEXT NOT NULL,
    selector TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    warned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (domain, selector)
) WITHOUT ROWID;

CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    subject TEXT NOT NULL,
    issuer TEXT NOT NULL,
    not_after_ms INTEGER NOT NULL,
    warned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TABLE api_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    prefix TEXT NOT NULL,
    scope TEXT NOT NULL,
    domain TEXT,
    rate_limit_per_minute INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER,
    last_used_ms INTEGER,
    revoked_ms INTEGER
);

CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    node_id TEXT NOT NULL,
    data TEXT NOT NULL
);

CREATE TABLE endpoint (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    names TEXT NOT NULL,
    position INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due_ms INTEGER NOT NULL DEFAULT 0,
    delivered INTEGER NOT NULL DEFAULT 0,
    given_up INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)


def migrate(connection: sqlite3.Connection) -> None:
    """Take the file to the newest step, each in a transaction of its own.

    Raises `NewerSchema` when the file knows steps that this release does not.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise NewerSchema(
            f"the store has schema {version}, this release knows {len(MIGRATIONS)}:"
            " run the release that wrote it"
        )
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(f"BEGIN;{MIGRATIONS[number]}PRAGMA user_version={number + 1};COMMIT;")
