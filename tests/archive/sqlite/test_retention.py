"""Retention drops whole files and leaves gaps on record."""

from pathlib import Path

import pytest

from hub.archive.base import ArchiveError, Stored
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.batch import DAY_MS
from tests.factories.archives import archive_of, seqs
from tests.factories.events import NOW_MS, make_entry

FOREVER = 1 << 62


def ten_days(path: Path, **settings: int) -> SqliteArchive:
    """Ten files of ten events, one file a day; the last is open. Event and recorded time are the same."""
    archive = archive_of(path, [], roll_events=10, **settings)
    for day in range(10):
        at = NOW_MS + day * DAY_MS
        archive.append(
            0, [make_entry(day * 10 + n, time_ms=at + n, recorded_ms=at + n) for n in range(1, 11)]
        )
    return archive


def retained(archive: SqliteArchive, *, days: int, owed: int = FOREVER) -> int:
    return archive.retain(
        now_ms=NOW_MS + 9 * DAY_MS + 10, keep_ms=days * DAY_MS, max_bytes=None, owed_from={0: owed}
    )


def test_files_wholly_past_the_age_go(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)

    assert retained(archive, days=4) == 50
    assert archive.oldest_seq(0) == 51
    assert seqs(archive.search(Query(limit=1000)).hits) == list(range(100, 50, -1))
    assert archive.entries(0, [50, 51]).keys() == {51}
    assert len(list(tmp_path.glob("events-*.db"))) == 5
    archive.close()


def test_a_file_with_one_late_event_stays_as_long_as_that(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=2)
    archive.append(0, [make_entry(1, time_ms=NOW_MS, recorded_ms=NOW_MS), make_entry(2, time_ms=NOW_MS)])
    archive.append(0, [make_entry(3, time_ms=NOW_MS + 5 * DAY_MS, recorded_ms=NOW_MS + 5 * DAY_MS)])
    newest_of_first = max(hit.recorded_ms for hit in archive.search(Query(limit=10)).hits if hit.seq < 3)

    def dropped_at(now_ms: int) -> int:
        return archive.retain(now_ms=now_ms, keep_ms=DAY_MS, max_bytes=None, owed_from={})

    assert dropped_at(newest_of_first + DAY_MS) == 0
    assert dropped_at(newest_of_first + DAY_MS + 1) == 2
    archive.close()


def test_age_waits_for_what_is_owed(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)

    assert retained(archive, days=4, owed=35) == 30
    assert archive.oldest_seq(0) == 31
    archive.close()


def test_size_does_not_wait(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    size = max(path.stat().st_size for path in tmp_path.glob("events-*.db"))

    dropped = archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=3 * size, owed_from={0: 1})

    assert dropped == archive.oldest_seq(0) - 1 >= 60
    archive.close()


def test_size_never_takes_the_newest_events(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)

    archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=1, owed_from={})
    archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=1, owed_from={})

    assert archive.oldest_seq(0) == 91
    assert archive.offset(0) == 100
    archive.close()


def test_an_idle_partition_ages_out_altogether_and_keeps_its_offset(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)

    dropped = archive.retain(now_ms=NOW_MS + 50 * DAY_MS, keep_ms=DAY_MS, max_bytes=None, owed_from={})

    assert dropped == 100
    assert (archive.offset(0), archive.oldest_seq(0)) == (100, 0)
    assert archive.append(0, [make_entry(101)]) == Stored(1, 0)
    archive.close()


def test_gaps_tell_what_was_dropped_also_after_a_restart(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    retained(archive, days=7)
    archive.close()
    archive = SqliteArchive(tmp_path)

    gap = {"partition": 0, "from_seq": 1, "to_seq": 20, "reason": "retention: age", "events": 20}
    assert archive.gaps(Query()) == [gap]
    assert archive.gaps(Query(until_ms=NOW_MS + DAY_MS)) == [gap | {"to_seq": 10, "events": 10}]
    assert archive.gaps(Query(since_ms=NOW_MS + 2 * DAY_MS)) == []
    assert archive.gaps(Query(after_seq=20)) == []
    archive.close()


def test_dropped_ids_count_as_new_again(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    retained(archive, days=4)

    old, held = make_entry(101, uid=make_entry(5).uid), make_entry(102, uid=make_entry(95).uid)

    assert archive.append(0, [old, held]) == Stored(1, 1)
    hit = archive.get(old.uid.hex())
    assert hit is not None
    assert hit.seq == 101
    archive.close()


def test_an_owed_repeat_outlives_the_file_of_its_first_copy(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    first = make_entry(5, time_ms=NOW_MS + 5, recorded_ms=NOW_MS + 5)
    archive.append(0, [make_entry(101, uid=first.uid), make_entry(102)])

    retained(archive, days=4, owed=101)

    held = archive.entries(0, [101])[101]
    assert archive.oldest_seq(0) == 51
    assert (held.seq, held.uid, held.header, held.body) == (101, first.uid, first.header, first.body)
    archive.close()


def test_a_drop_that_a_crash_interrupted_is_finished_at_start(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("events-*.db")}
    retained(archive, days=4)
    catalogue = archive._catalogue
    catalogue._connection.execute(
        "INSERT INTO files(partition, first_seq, name, status, base_ms, last_seq, events) "
        "VALUES(0, 1, 'events-0-000000000001.db', 'dropping', 0, 10, 10)"
    )
    archive.close()
    (tmp_path / "events-0-000000000001.db").write_bytes(kept["events-0-000000000001.db"])

    archive = SqliteArchive(tmp_path)

    assert not (tmp_path / "events-0-000000000001.db").exists()
    assert archive.oldest_seq(0) == 51
    archive.close()


def test_a_reader_that_is_open_meanwhile_goes_on(tmp_path: Path) -> None:
    archive = ten_days(tmp_path)
    reader = SqliteArchive(tmp_path, read_only=True)
    walk = reader.iterate(Query())
    first = next(walk).seq

    retained(archive, days=4)

    assert (first, seqs(walk)) == (1, [*range(2, 11), *range(51, 101)])
    assert seqs(reader.search(Query(limit=1000)).hits) == list(range(100, 50, -1))
    reader.close()
    archive.close()


def test_a_reader_may_not_drop(tmp_path: Path) -> None:
    ten_days(tmp_path).close()
    reader = SqliteArchive(tmp_path, read_only=True)

    with pytest.raises(ArchiveError, match="read-only"):
        reader.retain(now_ms=NOW_MS, keep_ms=1, max_bytes=1, owed_from={})
    reader.close()
