"""The audit log as a stream of NDJSON or CSV: any size, in memory of a few pages."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Entry
from core.audit.query import Filter
from core.csvtext import csv_lines
from core.store.database import Database
from core.store.tables import audit_entries, audit_heads

__all__ = ["COLUMNS", "MEDIA_TYPES", "Form", "Piece", "Writer", "export", "pieces", "table"]

Form = Literal["ndjson", "csv"]
MEDIA_TYPES: Mapping[Form, str] = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
COLUMNS = (
    *("id", "seq", "timestamp", "actor_type", "actor", "key_prefix", "ip", "action", "resource_type"),
    *("resource", "domain", "result", "reason", "request_id", "before", "after", "details"),
    *("prev_hash", "hash", "integrity"),
)
_PAGE = 500
_entry = audit_entries.c


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries, rendered; `seq` is the number of the last of them (0: of none, the head of a table)."""

    seq: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A form of a log file. An entry's bytes depend on the entry alone: what is written stays as it is.

    `name` is unlike that of every other writer; `head` stands before the first entry.
    """

    name: str
    media_type: str
    head: bytes = b""
    entries: Callable[[Sequence[Entry]], bytes]


async def export(
    database: Database, chain: Chain, tenant: str, asked: Filter, form: Form | Writer = "ndjson"
) -> AsyncIterator[bytes]:
    """Every entry that matches, in the order of the chain, up to what it holds at the end."""
    async for piece in pieces(database, chain, tenant, asked, form):
        yield piece.data


async def pieces(
    database: Database,
    chain: Chain,
    tenant: str,
    asked: Filter,
    form: Form | Writer,
    *,
    after: int | None = None,
) -> AsyncIterator[Piece]:
    """The same with places to go on from: `after` an entry, or from the begin.

    No transaction stays open between two pieces, so a slow reader holds up nobody.
    """
    writer = form if isinstance(form, Writer) else _OURS[form]
    if writer.head and after is None:
        yield Piece(0, writer.head)
    async with database.read() as tx:
        first, end = await _span(tx, tenant, asked)
    query = asked.select(tenant).where(end).order_by(_entry.seq).limit(_PAGE)
    last = max(after or 0, first - 1)
    while True:
        async with database.read() as tx:
            rows = (await tx.execute(query.where(_entry.seq > last))).mappings().all()
        if not rows:
            return
        last = rows[-1]["seq"]
        yield Piece(last, writer.entries([chain.entry(row) for row in rows]))


async def _span(tx: AsyncConnection, tenant: str, asked: Filter) -> tuple[int, ColumnElement[bool]]:
    """The number of the period's first entry, and a condition that ends at its last one.

    Looked for by their time, or all others' entries were read to find them in the order of the chain. What
    goes on has no end yet.
    """
    if asked.from_ms is None and asked.to_ms is None:
        return 1, true()
    period = Filter(from_ms=asked.from_ms, to_ms=asked.to_ms).select(tenant)
    bounds = period.with_only_columns(func.min(_entry.seq), func.max(_entry.seq))
    first, last = (await tx.execute(bounds)).one()
    newest = (await tx.execute(select(audit_heads.c.seq).where(audit_heads.c.tenant == tenant))).scalar()
    return first or 1, true() if last == newest else _entry.seq <= (last or 0)


def _lines(entries: Sequence[Entry]) -> bytes:
    texts = (json.dumps(one.as_dict(), separators=(",", ":")) for one in entries)
    return "".join(f"{text}\n" for text in texts).encode()


def _cells(entry: Entry) -> list[Any]:
    said = entry.as_dict()
    flat = {
        **said,
        "actor_type": entry.actor.type,
        "actor": entry.actor.id,
        "key_prefix": entry.actor.key_prefix,
        "ip": entry.actor.ip,
        "resource_type": entry.resource.type,
        "resource": entry.resource.id,
        "domain": entry.resource.domain,
        "before": entry.before,
        "after": entry.after,
    }
    return [flat[name] for name in COLUMNS]


def table(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows of a CSV file, in UTF-8."""
    return csv_lines(rows).encode("utf-8", "replace")


_OURS: Final[Mapping[Form, Writer]] = {
    "ndjson": Writer(name="ndjson", media_type=MEDIA_TYPES["ndjson"], entries=_lines),
    "csv": Writer(
        name="csv",
        media_type=MEDIA_TYPES["csv"],
        head=table([COLUMNS]),
        entries=lambda entries: table([_cells(one) for one in entries]),
    ),
}
