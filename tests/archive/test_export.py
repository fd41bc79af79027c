"""Export to NDJSON and CSV with a manifest."""

import csv
import io
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.archive.export import COLUMNS, Format, export, guarded
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from tests.factories.archives import archive_of, entries
from tests.factories.events import NOW_MS, make_entry

CREATED = "2025-10-09T08:53:20Z"


def exported(archive: SqliteArchive, query: Query, form: Format) -> tuple[bytes, dict[str, object]]:
    out = io.BytesIO()
    manifest = export(archive, query, out, form=form, created=CREATED)
    return out.getvalue(), manifest


def test_ndjson_has_each_event_as_stored_in_record_order(tmp_path: Path) -> None:
    stored = entries(1200)
    archive = archive_of(tmp_path, stored)

    text, manifest = exported(archive, Query(limit=5), "ndjson")

    assert text.splitlines() == [entry.body for entry in stored]
    assert manifest["count"] == 1200
    archive.close()


def test_an_event_with_line_breaks_in_its_json_is_still_one_line(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [make_entry(1, body=b'{\n "message":\r\n "x"}')])

    text, _ = exported(archive, Query(), "ndjson")

    assert text.count(b"\n") == 1
    assert msgspec.json.decode(text) == {"message": "x"}
    archive.close()


def test_the_manifest_tells_query_hash_and_gaps(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(10), roll_events=10)
    archive.append(0, entries(10, first=11))
    archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=1, owed_from={})

    text, manifest = exported(archive, Query(severity=(1, 2, 3), q="message"), "ndjson")

    assert manifest["query"] == {"severity": (1, 2, 3), "q": "message"}
    assert (manifest["sha256"], manifest["bytes"]) == (sha256(text).hexdigest(), len(text))
    assert (manifest["format"], manifest["created"]) == ("ndjson", CREATED)
    gap = {"partition": 0, "from_seq": 1, "to_seq": 10, "reason": "retention: size", "events": 10}
    assert manifest["gaps"] == [gap]
    archive.close()


def test_csv_has_a_row_per_event_with_header_and_facts(tmp_path: Path) -> None:
    entry = make_entry(
        1, subject="Hello, world", sender="a@b.example", recipients=["c@d.example", "e@f.example"]
    )
    archive = archive_of(tmp_path, [entry])

    text, manifest = exported(archive, Query(), "csv")

    names, row = csv.reader(io.StringIO(text.decode(), newline=""))
    cells = dict(zip(names, row, strict=True))
    assert tuple(names) == COLUMNS
    assert manifest["count"] == 1
    assert cells["id"] == entry.uid.hex()
    assert (cells["tenant"], cells["source"]) == (entry.header.tenant, entry.header.source)
    assert (cells["sender"], cells["recipients"]) == ("a@b.example", "c@d.example e@f.example")
    assert (cells["subject"], cells["time_ms"]) == ("Hello, world", str(entry.header.time_ms))
    archive.close()


@pytest.mark.parametrize("subject", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\uff1d1"])
def test_csv_cells_never_begin_a_formula(tmp_path: Path, subject: str) -> None:
    archive = archive_of(tmp_path, [make_entry(1, subject=subject)])

    text, _ = exported(archive, Query(), "csv")

    _, row = csv.reader(io.StringIO(text.decode(), newline=""))
    assert row[COLUMNS.index("subject")] == f"'{subject}"
    archive.close()


@given(st.text())
def test_guarding_only_ever_adds_one_quote(text: str) -> None:
    assert guarded(text) in {text, f"'{text}"}


def test_another_format_is_refused_with_the_choices(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])

    with pytest.raises(ValueError, match="choose ndjson or csv"):
        export(archive, Query(), io.BytesIO(), form="xml", created=CREATED)  # type: ignore[arg-type]
    archive.close()
