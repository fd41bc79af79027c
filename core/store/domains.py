"""Filtered domains with their thresholds, and the day's verdict counters."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from core.engine.verdict import Action, Thresholds
from core.store.clock import iso_seconds

__all__ = ["Domain", "add", "count_verdict", "every", "verdicts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain whose mail is filtered; `name` is lower case, A-labels."""

    id: int
    name: str
    direction: str
    active: bool
    backend_servers: tuple[str, ...]
    thresholds: Thresholds
    dkim_active: bool
    dmarc_reporting: bool
    tenant_id: int | None
    created_ms: int
    updated_ms: int


def add(
    db: sqlite3.Connection, name: str, *, backends: Sequence[str], thresholds: Thresholds, now_ms: int
) -> None:
    """Add a domain, or leave the one of that name as it is."""
    db.execute(
        "INSERT INTO domain (name, direction, active, backend_servers, tag_threshold, quarantine_threshold,"
        " reject_threshold, dkim_active, dmarc_reporting, created_ms, updated_ms)"
        " VALUES (?, 'inbound', 1, ?, ?, ?, ?, 1, 1, ?, ?) ON CONFLICT (name) DO NOTHING",
        (
            name,
            json.dumps(list(backends)),
            thresholds.tag,
            thresholds.quarantine,
            thresholds.reject,
            now_ms,
            now_ms,
        ),
    )


def every(db: sqlite3.Connection, only: str | None = None) -> list[Domain]:
    """All domains by id, or the one named."""
    rows = db.execute("SELECT * FROM domain WHERE ? IS NULL OR name = ? ORDER BY id", (only, only))
    return [_domain(row) for row in rows]


def count_verdict(db: sqlite3.Connection, domain: str, action: Action, now_ms: int) -> None:
    db.execute(
        "INSERT INTO verdict_count (day, domain, action, messages) VALUES (?, ?, ?, 1)"
        " ON CONFLICT (day, domain, action) DO UPDATE SET messages = messages + 1",
        (iso_seconds(now_ms)[:10], domain, action),
    )


def verdicts(db: sqlite3.Connection) -> dict[str, int]:
    """Messages per action since the store began."""
    rows = db.execute("SELECT action, SUM(messages) AS n FROM verdict_count GROUP BY action")
    return {row["action"]: row["n"] for row in rows}


def _domain(row: sqlite3.Row) -> Domain:
    return Domain(
        id=row["id"],
        name=row["name"],
        direction=row["direction"],
        active=bool(row["active"]),
        backend_servers=tuple(json.loads(row["backend_servers"])),
        thresholds=Thresholds(
            tag=row["tag_threshold"], quarantine=row["quarantine_threshold"], reject=row["reject_threshold"]
        ),
        dkim_active=bool(row["dkim_active"]),
        dmarc_reporting=bool(row["dmarc_reporting"]),
        tenant_id=row["tenant_id"],
        created_ms=row["created_ms"],
        updated_ms=row["updated_ms"],
    )
