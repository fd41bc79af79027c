"""Appending: durable, in order, each id once."""

from pathlib import Path

import pytest

from hub.archive.base import ArchiveError, Stored
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.batch import DAY_MS
from tests.factories.archives import archive_of, entries, seqs
from tests.factories.events import NOW_MS, make_entry


def test_an_empty_archive_stands_at_zero(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])

    assert (archive.offset(0), archive.oldest_seq(0)) == (0, 0)
    assert archive.search(Query()).hits == []
    assert archive.get("00" * 16) is None
    assert archive.count(Query()) == 0
    archive.close()


def test_the_offset_survives_closing(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(30)).close()

    archive = SqliteArchive(tmp_path)

    assert archive.offset(0) == 30
    archive.close()


def test_partitions_have_offsets_of_their_own(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(3))
    archive.append(1, [make_entry(1, salt="other")])

    assert (archive.offset(0), archive.offset(1), archive.offset(2)) == (3, 1, 0)
    archive.close()


def test_a_hole_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(3))

    with pytest.raises(ValueError, match="entry 5 does not follow 3"):
        archive.append(0, [make_entry(5)])
    with pytest.raises(ValueError, match="entry 6 does not follow 4"):
        archive.append(0, [make_entry(4), make_entry(6)])
    assert archive.offset(0) == 3
    archive.close()


def test_an_archive_can_begin_behind_what_a_log_forgot(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])
    archive.begin(0, 40, now_ms=NOW_MS)
    assert (archive.offset(0), archive.oldest_seq(0)) == (40, 0)
    archive.close()

    archive = SqliteArchive(tmp_path)
    with pytest.raises(ValueError, match="does not follow 40"):
        archive.append(0, [make_entry(42)])
    archive.append(0, [make_entry(41), make_entry(42)])

    assert (archive.offset(0), archive.oldest_seq(0)) == (42, 41)
    assert sorted(seqs(archive.search(Query()).hits)) == [41, 42]
    assert [check.problem for check in archive.verify_chain()] == [None]
    archive.close()


def test_an_archive_that_holds_something_does_not_begin_again(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(3))

    with pytest.raises(ArchiveError, match="move it away"):
        archive.begin(0, 40, now_ms=NOW_MS)
    assert archive.offset(0) == 3
    archive.close()


def test_more_than_a_batch_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])

    with pytest.raises(ValueError, match="at most 5000"):
        archive.append(0, [make_entry(1)] * 5001)
    archive.close()


def test_repeating_a_call_stores_nothing_twice(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(10))

    assert archive.append(0, entries(10)) == Stored(0, 10)
    assert archive.append(0, entries(12)) == Stored(2, 10)
    assert archive.count(Query()) == 12
    archive.close()


def test_a_repeated_id_is_stored_once_and_its_seq_gives_the_first_copy(tmp_path: Path) -> None:
    first = make_entry(1)
    repeat = make_entry(3, uid=first.uid)
    archive = archive_of(tmp_path, [first, make_entry(2), repeat, make_entry(4, uid=first.uid)])

    held = archive.entries(0, [3])

    assert archive.count(Query()) == 2
    assert held[3].seq == 3
    assert (held[3].uid, held[3].header, held[3].body) == (first.uid, first.header, first.body)
    archive.close()


def test_ids_are_unique_over_files_partitions_and_restarts(tmp_path: Path) -> None:
    stored = entries(20)
    archive = archive_of(tmp_path, stored[:10], roll_events=5)
    archive.append(0, stored[10:])
    archive.close()

    archive = SqliteArchive(tmp_path, roll_events=5)

    again = [make_entry(21 + n, uid=entry.uid) for n, entry in enumerate(stored)]
    assert archive.append(0, again) == Stored(0, 20)
    assert archive.append(1, [make_entry(1, uid=stored[4].uid)]) == Stored(0, 1)
    assert archive.entries(1, [1])[1].body == stored[4].body
    archive.close()


def test_a_lost_id_index_is_made_again_from_the_files(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(20), roll_events=5).close()
    for path in tmp_path.glob("uids.db*"):
        path.unlink()

    archive = SqliteArchive(tmp_path)

    assert archive.append(0, [make_entry(21, uid=make_entry(7).uid)]) == Stored(0, 1)
    archive.close()


def test_a_damaged_id_index_is_made_again_from_the_files(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(20)).close()
    (tmp_path / "uids.db").write_bytes(b"nonsense" * 1000)

    archive = SqliteArchive(tmp_path)

    assert archive.append(0, [make_entry(21, uid=make_entry(7).uid)]) == Stored(0, 1)
    archive.close()


def test_an_id_index_ahead_of_restored_files_is_made_again(tmp_path: Path) -> None:
    archive_of(tmp_path / "short", entries(5)).close()
    archive_of(tmp_path / "long", entries(20)).close()
    (tmp_path / "long" / "uids.db").replace(tmp_path / "short" / "uids.db")

    archive = SqliteArchive(tmp_path / "short")

    assert archive.append(0, entries(20, first=6)) == Stored(20, 0)
    archive.close()


def test_a_file_takes_its_number_of_events_and_the_next_begins(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=10)
    for first in range(1, 31, 5):
        archive.append(0, entries(5, first=first))

    assert sorted(path.name for path in tmp_path.glob("events-*.db")) == [
        "events-0-000000000001.db",
        "events-0-000000000011.db",
        "events-0-000000000021.db",
    ]
    assert seqs(archive.search(Query()).hits) == list(range(30, 0, -1))
    archive.close()


def test_a_file_takes_the_events_of_its_days(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_days=2)
    for seq, day in ((1, 0), (2, 1), (3, 2), (4, 3), (5, 4)):
        archive.append(0, [make_entry(seq, recorded_ms=NOW_MS + day * DAY_MS, time_ms=NOW_MS)])

    firsts = sorted(int(path.stem.rpartition("-")[2]) for path in tmp_path.glob("events-*.db"))
    assert firsts == [1, 3, 5]
    archive.close()


@pytest.mark.parametrize(
    ("said", "clamped"),
    [
        (NOW_MS, NOW_MS),
        (NOW_MS + DAY_MS + 1, NOW_MS + DAY_MS),
        (NOW_MS - 11 * DAY_MS, NOW_MS - 10 * DAY_MS),
        (-(2**80), NOW_MS - 10 * DAY_MS),
        (2**80, NOW_MS + DAY_MS),
    ],
)
def test_event_time_is_clamped_for_search_and_kept_as_said(tmp_path: Path, said: int, clamped: int) -> None:
    archive = archive_of(tmp_path, [make_entry(1, time_ms=said, recorded_ms=NOW_MS)], keep_days=10)

    (hit,) = archive.search(Query()).hits

    assert (hit.time_ms, hit.recorded_ms) == (clamped, NOW_MS)
    assert archive.entries(0, [1])[1].header.time_ms == max(-(2**63) + 1, min(2**63 - 1, said))
    archive.close()


def test_without_retention_any_past_time_since_1970_is_kept(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [make_entry(1, time_ms=5, recorded_ms=NOW_MS), make_entry(2, time_ms=-5)])

    assert [hit.time_ms for hit in archive.search(Query()).hits] == [5, 0]
    archive.close()


@pytest.mark.parametrize("body", [b"", b"\x00\xff not json", b'{"email": 7, "to": {"a": []}}'])
def test_a_body_of_unexpected_shape_is_stored_and_found_by_its_header(tmp_path: Path, body: bytes) -> None:
    entry = make_entry(1, body=body, tenant="acme", source="odd")
    archive = archive_of(tmp_path, [entry])

    (hit,) = archive.search(Query(tenant=("acme",), source=("odd",))).hits

    assert hit.body == body
    assert archive.get(entry.uid.hex()) == hit
    archive.close()


def test_texts_that_are_no_unicode_do_not_stop_the_archive(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [make_entry(1, tenant="a\udc80", domain="b\udc80", body=b"{}")])

    assert archive.offset(0) == 1
    assert archive.entries(0, [1])[1].header.tenant == "a?"
    archive.close()


def test_entries_come_back_as_they_were_given(tmp_path: Path) -> None:
    stored = entries(50, raw_data=True)
    archive = archive_of(tmp_path, stored[:25], roll_events=20)
    archive.append(0, stored[25:])

    assert archive.entries(0, [0, 1, 25, 26, 50, 51]) == {seq: stored[seq - 1] for seq in (1, 25, 26, 50)}
    assert archive.entries(7, [1]) == {}
    archive.close()


def test_get_finds_an_event_by_its_id_in_either_case(tmp_path: Path) -> None:
    stored = entries(20)
    archive = archive_of(tmp_path, stored[:10], roll_events=5)
    archive.append(0, stored[10:])
    for entry in (stored[0], stored[19]):
        hit = archive.get(entry.uid.hex().upper())

        assert hit is not None
        assert (hit.seq, hit.body) == (entry.seq, entry.body)
    archive.close()


@pytest.mark.parametrize("uid", ["", "xyz", "00" * 15, "00" * 17, "\udc80", "é" * 32])
def test_get_of_no_id_is_nothing(tmp_path: Path, uid: str) -> None:
    archive = archive_of(tmp_path, entries(1))

    assert archive.get(uid) is None
    archive.close()


@pytest.mark.parametrize(
    "settings", [{"roll_events": 0}, {"roll_events": 250_001}, {"roll_days": 0}, {"keep_days": 0}]
)
def test_settings_out_of_range_are_refused(tmp_path: Path, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SqliteArchive(tmp_path, **settings)  # type: ignore[arg-type]
