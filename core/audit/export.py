"""The audit log as a stream of NDJSON or CSV: any size, in memory of a few pages."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.audit.chain import Chain
from core.audit.entry import Entry
from core.audit.query import Filter
from core.store.database import Database
from core.store.tables import audit_entries

__all__ = ["COLUMNS", "MEDIA_TYPES", "Form", "Piece", "export", "pieces"]

Form = Literal["ndjson", "csv"]
MEDIA_TYPES: Mapping[Form, str] = {"ndjson": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
COLUMNS = (
    *("id", "seq", "timestamp", "actor_type", "actor", "key_prefix", "ip", "action", "resource_type"),
    *("resource", "domain", "result", "reason", "request_id", "before", "after", "details"),
    *("prev_hash", "hash", "integrity"),
)
_PAGE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_entry = audit_entries.c


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries, rendered; `seq` is the number of the last of them (0: of none, the head of a table)."""

    seq: int
    data: bytes


async def export(
    database: Database, chain: Chain, tenant: str, asked: Filter, form: Form = "ndjson"
) -> AsyncIterator[bytes]:
    """Every entry that matches, in the order of the chain, up to what it holds at the end."""
    async for piece in pieces(database, chain, tenant, asked, form):
        yield piece.data


async def pieces(
    database: Database, chain: Chain, tenant: str, asked: Filter, form: Form, *, after: int | None = None
) -> AsyncIterator[Piece]:
    """The same with places to go on from: `after` an entry, or from the begin.

    No transaction stays open between two pieces, so a slow reader holds up nobody.
    """
    if form == "csv" and after is None:
        yield Piece(0, _rows([COLUMNS]))
    query = asked.select(tenant).order_by(_entry.seq).limit(_PAGE)
    last = after or 0
    while True:
        async with database.read() as tx:
            rows = (await tx.execute(query.where(_entry.seq > last))).mappings().all()
        if not rows:
            return
        last = rows[-1]["seq"]
        entries = [chain.entry(row) for row in rows]
        yield Piece(last, _rows([_cells(one) for one in entries]) if form == "csv" else _lines(entries))


def _lines(entries: Sequence[Entry]) -> bytes:
    texts = (json.dumps(one.as_dict(), separators=(",", ":")) for one in entries)
    return "".join(f"{text}\n" for text in texts).encode()


def _cells(entry: Entry) -> list[str]:
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
    return [_cell(flat[name]) for name in COLUMNS]


def _cell(value: Any) -> str:
    """As a spreadsheet shows it: what would run as a formula there gets an apostrophe before it."""
    if value is None or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    numeric = isinstance(value, int | float)
    return "'" + text if text.startswith(_FORMULA) and not numeric else text


def _rows(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)  # RFC 4180: CRLF, quotes doubled
    return text.getvalue().encode("utf-8", "replace")
