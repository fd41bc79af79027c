"""Export: every hit of a query as NDJSON or CSV, with a manifest that proves what was handed over."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from hashlib import sha256
from itertools import islice
from typing import BinaryIO, Literal, get_args

from hub.archive.base import Archive, Hit
from hub.archive.extract import extract
from hub.archive.query import Query
from hub.model.event import Entry

__all__ = ["COLUMNS", "Format", "export", "guarded"]

Format = Literal["ndjson", "csv"]

COLUMNS = (
    "id",
    "time_ms",
    "recorded_ms",
    "tenant",
    "source",
    "class_uid",
    "code",
    "severity_id",
    "disposition",
    "domain",
    "sender",
    "recipients",
    "subject",
    "message_id",
    "message",
)
"""Of the CSV form. Times are epoch milliseconds, several recipients are separated by blanks."""

_CHUNK = 500
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def export(archive: Archive, query: Query, out: BinaryIO, *, form: Format, created: str) -> dict[str, object]:
    """Write every hit in record order to `out`, in bounded memory, and return the manifest.

    The manifest is `{"query": the conditions given, "count": hits, "sha256" and "bytes" of what was written,
    "gaps": what retention took of it, "format", "created"}`. `created` is the caller's clock, RFC 3339.

    Raises `ValueError` for another format, `ArchiveError`, and what `out.write` raises.
    """
    if form not in get_args(Format):
        raise ValueError(f"no export format {form!r}: choose ndjson or csv")
    render = _ndjson if form == "ndjson" else _csv
    digest, size, count = sha256(), 0, 0
    for hits, text in render(archive, query):
        out.write(text)
        digest.update(text)
        size += len(text)
        count += hits
    return {
        "query": _conditions(query),
        "count": count,
        "sha256": digest.hexdigest(),
        "bytes": size,
        "gaps": [dict(gap) for gap in archive.gaps(query)],
        "format": form,
        "created": created,
    }


def _conditions(query: Query) -> dict[str, object]:
    given = {name: value for name, value in asdict(query).items() if value not in ("", (), None)}
    return {name: value for name, value in given.items() if name not in {"limit", "cursor"}}


def _chunks(archive: Archive, query: Query) -> Iterator[Sequence[Hit]]:
    hits = archive.iterate(query)
    while chunk := list(islice(hits, _CHUNK)):
        yield chunk


def _ndjson(archive: Archive, query: Query) -> Iterator[tuple[int, bytes]]:
    for hits in _chunks(archive, query):
        yield len(hits), b"".join(hit.body.replace(b"\n", b" ") + b"\n" for hit in hits)


def _csv(archive: Archive, query: Query) -> Iterator[tuple[int, bytes]]:
    yield 0, _lines([COLUMNS])
    for hits in _chunks(archive, query):
        entries = _entries(archive, hits)
        yield len(hits), _lines([_row(hit, entries.get((hit.partition, hit.seq))) for hit in hits])


def _entries(archive: Archive, hits: Sequence[Hit]) -> dict[tuple[int, int], Entry]:
    found: dict[tuple[int, int], Entry] = {}
    for partition in {hit.partition for hit in hits}:
        seqs = [hit.seq for hit in hits if hit.partition == partition]
        found.update(((partition, seq), entry) for seq, entry in archive.entries(partition, seqs).items())
    return found


def _row(hit: Hit, entry: Entry | None) -> tuple[object, ...]:
    """The header's cells stay empty when retention dropped the event between the two reads."""
    facts = extract(hit.body)
    header = entry.header if entry else None
    told = (
        (header.tenant, header.source, header.class_uid, header.code, header.severity)
        if header
        else ("",) * 5
    )
    return (
        hit.uid,
        hit.time_ms,
        hit.recorded_ms,
        *told,
        facts.disposition,
        header.domain if header else "",
        facts.sender,
        " ".join(facts.recipients),
        facts.subject,
        facts.message_id,
        facts.message,
    )


def _lines(rows: Sequence[tuple[object, ...]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(
        [guarded(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return text.getvalue().encode("utf-8", "replace")


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: a quote before what would begin one.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_STARTS) else cell
