"""A database of the core with made rows, built once and kept below `build/`; and its copy in PostgreSQL."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Boolean, Table
from sqlalchemy.schema import CreateIndex, CreateTable

from core.audit.chain import Chain
from core.store import domains as stored
from core.store import meta
from core.store.database import Database, sqlite_url
from core.store.domain_rows import Domain, Downstream
from core.store.tables import (
    audit_entries,
    audit_heads,
    metadata,
    quarantine_items,
    quarantine_recipients,
    stat_counters,
    verdicts,
)
from tests.bench import core_rows
from tests.bench.core_rows import DOMAINS, TENANT, TENANTS, Mail, domain_name

__all__ = ["AUDIT_KEY", "BUILD", "copy_to_postgresql", "seeded"]

AUDIT_KEY = "the audit key of the bench, and of nothing else"
BUILD = Path("build/bench")
_BATCH = 5_000
_TABLES = metadata.sorted_tables


async def seeded(rows: int) -> Path:
    """The SQLite file with `rows` verdicts and audit entries of the big tenant; made if it is not there."""
    path = BUILD / f"core-{rows}-{_fingerprint()}.sqlite3"
    if not path.exists():
        BUILD.mkdir(parents=True, exist_ok=True)
        for old in BUILD.glob(f"core-{rows}-*"):
            old.unlink()
        half_done = path.with_suffix(".new")
        await _estate(half_done)
        await asyncio.to_thread(_fill, half_done, rows)
        half_done.rename(path)
    return path


def _fingerprint() -> str:
    """Of what decides how the file looks: another schema or other rows are another file."""
    schema = [
        f"{CreateTable(each)} {sorted(str(CreateIndex(one)) for one in each.indexes)}" for each in _TABLES
    ]
    text = "".join((*schema, Path(core_rows.__file__).read_text()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


async def _estate(path: Path) -> None:
    """The schema, and the tenants' domains, each with a server behind it that does not exist."""
    path.unlink(missing_ok=True)
    async with Database(sqlite_url(path)) as database, database.begin() as tx:
        await Chain(AUDIT_KEY.encode()).confirm(tx)
        await stored.insert_many(
            tx, await stored.numbered(tx, [each for name in TENANTS for each in _domains(name)])
        )
        await meta.count_up(tx, "audit:node-1", 10**9)  # the numbers of entries to come


def _domains(tenant: str) -> Iterator[Domain]:
    for number in range(DOMAINS if tenant == TENANT else DOMAINS // 10):
        yield Domain(
            id=f"dom_{tenant}{number}",
            number=0,
            tenant=tenant,
            name=domain_name(tenant, number),
            verified=True,
            downstreams=(Downstream(host="mail.nowhere.invalid"),),
            created_ms=core_rows.END_MS - core_rows.SPAN_MS,
            updated_ms=core_rows.END_MS - core_rows.SPAN_MS,
        )


def _fill(path: Path, rows: int) -> None:
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA journal_mode=OFF")  # whoever is interrupted begins again
        file.execute("PRAGMA synchronous=OFF")
        indices = _without_indices(file)
        for tenant in TENANTS:
            mail = Mail(tenant, rows)
            _insert(file, verdicts, mail.verdicts())
            _insert(file, quarantine_items, iter(mail.held))
            _insert(file, quarantine_recipients, iter(mail.placed))
            _insert(file, stat_counters, _counters(mail))
        _chains(file, rows)
        for text in indices:
            file.execute(text)
    file.execute("PRAGMA journal_mode=WAL")
    file.close()


def _without_indices(file: sqlite3.Connection) -> list[str]:
    """How to make them again: rows come in much faster without."""
    found = file.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in found:
        file.execute(f'DROP INDEX "{name}"')
    return [text for _, text in found]


def _insert(file: sqlite3.Connection, table: Table, rows: Iterator[Mapping[str, Any]]) -> None:
    first = next(rows, None)
    if first is not None:
        places = ", ".join(f":{name}" for name in first)
        text = f"INSERT INTO {table.name} ({', '.join(first)}) VALUES ({places})"
        file.execute(text, first)
        file.executemany(text, rows)


def _counters(mail: Mail) -> Iterator[dict[str, Any]]:
    for (domain, hour_ms, metric), messages in mail.counts.items():
        same = {"tenant": mail.tenant, "domain": domain}
        yield {**same, "hour_ms": hour_ms, "metric": metric, "messages": messages}


def _chains(file: sqlite3.Connection, rows: int) -> None:
    chain, number = Chain(AUDIT_KEY.encode()), 0
    for tenant in TENANTS:
        count = DOMAINS if tenant == TENANT else DOMAINS // 10
        names = [domain_name(tenant, at) for at in range(count)]
        last: dict[str, Any] = {}
        _insert(file, audit_entries, _sealed(chain, core_rows.audit(tenant, rows, number, names), last))
        number += last["seq"]
        head = {"tenant": tenant, "seq": last["seq"], "hash": last["hash"]}
        _insert(file, audit_heads, iter([head]))


def _sealed(
    chain: Chain, entries: Iterable[dict[str, Any]], last: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    """As they are stored; `last` holds the newest afterwards."""
    before = ""
    for entry in entries:
        entry["prev_hash"] = before
        before = entry["hash"] = chain.seal(entry)
        last.update(seq=entry["seq"], hash=before)
        said = {name: json.dumps(entry[name]) for name in ("details", "before", "after")}
        yield {**entry, **said}


async def copy_to_postgresql(path: Path, url: str) -> None:
    """Every row of the file into a fresh database of the core, then what autovacuum would do."""
    async with Database(url):
        pass  # the schema
    target = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
    source = sqlite3.connect(path)
    try:
        found = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix%'"
        )
        indices = await target.fetch(found)
        for each in indices:
            await target.execute(f'DROP INDEX "{each["indexname"]}"')
        for table in _TABLES:
            await _copy(source, target, table)
        for each in indices:
            await target.execute(each["indexdef"], timeout=600)
        await target.execute("VACUUM ANALYZE", timeout=600)
    finally:
        source.close()
        await target.close()


async def _copy(source: sqlite3.Connection, target: Any, table: Table) -> None:
    columns = [column for column in table.columns if column.computed is None]
    names = [column.name for column in columns]
    flags = [at for at, column in enumerate(columns) if isinstance(column.type, Boolean)]
    await target.execute(f'DELETE FROM "{table.name}"')
    cursor = source.execute(f'SELECT {", ".join(names)} FROM "{table.name}"')
    while rows := cursor.fetchmany(_BATCH):
        records = [_flagged(row, flags) for row in rows] if flags else rows
        await target.copy_records_to_table(table.name, columns=names, records=records, timeout=600)


def _flagged(row: tuple[Any, ...], flags: list[int]) -> tuple[Any, ...]:
    values = list(row)
    for at in flags:
        values[at] = None if values[at] is None else bool(values[at])
    return tuple(values)


def file_copy(path: Path, to: Path) -> None:
    """A copy to work on: the kept one stays as it was made."""
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(path, to)
    to.chmod(0o600)
