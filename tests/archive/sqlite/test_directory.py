"""One writer, many readers, and what a directory may hold."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from hub.archive.base import ArchiveError
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite import catalogue as catalogue_module
from tests.factories.archives import archive_of, entries, seqs
from tests.factories.events import make_entry


def test_a_second_writer_is_refused_with_directory_and_process(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [])

    with pytest.raises(ArchiveError, match=rf"{tmp_path} is in use by process {os.getpid()}"):
        SqliteArchive(tmp_path)
    archive.close()


def test_the_next_writer_may_come_after_close(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(2)).close()

    archive = SqliteArchive(tmp_path)

    assert archive.offset(0) == 2
    archive.close()


def test_a_reader_of_another_process_sees_what_is_stored_at_once(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, entries(5))
    code = (
        "import sys; from pathlib import Path; from hub.archive.query import Query;"
        "from hub.archive.sqlite import SqliteArchive;"
        "a = SqliteArchive(Path(sys.argv[1]), read_only=True);"
        "print(a.offset(0), len(a.search(Query()).hits), a.get(sys.argv[2]).seq)"
    )

    command = [sys.executable, "-c", code, str(tmp_path), entries(5)[4].uid.hex()]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())

    assert told.stdout.split() == ["5", "5", "5"]
    archive.close()


def test_a_reader_follows_the_writer_from_file_to_file(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=3)
    reader = SqliteArchive(tmp_path, read_only=True)
    for seq in range(1, 12):
        archive.append(0, [make_entry(seq)])

        assert (reader.offset(0), reader.count(Query())) == (seq, seq)
        found = reader.get(make_entry(seq).uid.hex())
        assert found is not None
        assert found.seq == seq
    reader.close()
    archive.close()


def test_a_reader_may_not_append(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(1)).close()
    reader = SqliteArchive(tmp_path, read_only=True)

    with pytest.raises(ArchiveError, match="open read-only here"):
        reader.append(0, [make_entry(2)])
    reader.close()


def test_a_reader_of_nothing_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(
        ArchiveError, match=r"cannot read the archive in .*nowhere.*check that the directory exists"
    ):
        SqliteArchive(tmp_path / "nowhere", read_only=True)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_state_is_refused(tmp_path: Path, read_only: bool) -> None:  # noqa: FBT001
    archive_of(tmp_path, entries(1)).close()
    with closing(sqlite3.connect(tmp_path / "catalogue.db", isolation_level=None)) as connection:
        connection.execute("UPDATE meta SET value = 99 WHERE name = 'version'")

    with pytest.raises(ArchiveError, match=r"newer mxhub \(archive state 99, this one knows 1\)"):
        SqliteArchive(tmp_path, read_only=read_only)
    with pytest.raises(ArchiveError, match="archive state 99"):
        SqliteArchive(tmp_path)


def test_an_older_state_is_migrated_once_by_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_of(tmp_path, entries(1)).close()
    monkeypatch.setattr(catalogue_module, "STATE_VERSION", 2)
    monkeypatch.setitem(catalogue_module.MIGRATIONS, 1, lambda db: db.execute("CREATE TABLE migrated(x)"))

    with pytest.raises(ArchiveError, match="older state 1: start mxhub once"):
        SqliteArchive(tmp_path, read_only=True)
    SqliteArchive(tmp_path).close()
    SqliteArchive(tmp_path).close()

    with closing(sqlite3.connect(tmp_path / "catalogue.db")) as connection:
        assert connection.execute("SELECT count(*) FROM migrated").fetchone() == (0,)
        assert connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone() == (2,)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(50)).close()
    path = tmp_path / "events-0-000000000001.db"
    path.write_bytes(b"x" * path.stat().st_size)
    reader = SqliteArchive(tmp_path, read_only=True)

    with pytest.raises(ArchiveError, match=r"events-0-000000000001.db.*the file is damaged"):
        reader.search(Query())
    reader.close()


def test_a_lost_catalogue_is_made_again_from_the_files(tmp_path: Path) -> None:
    stored = entries(25)
    archive = archive_of(tmp_path, stored[:10], roll_events=10)
    archive.append(0, stored[10:20])
    archive.append(0, stored[20:])
    archive.append(1, [make_entry(1, salt="b")])
    archive.close()
    for path in tmp_path.glob("catalogue.db*"):
        path.unlink()

    archive = SqliteArchive(tmp_path, roll_events=10)

    assert (archive.offset(0), archive.offset(1), archive.count(Query())) == (25, 1, 26)
    assert [check.problem for check in archive.verify_chain()] == [None] * 4
    archive.append(0, entries(10, first=26))
    assert archive.entries(0, range(1, 36)).keys() == set(range(1, 36))
    archive.close()


def test_a_catalogue_from_a_backup_learns_the_later_files(tmp_path: Path) -> None:
    stored = entries(30)
    archive = archive_of(tmp_path, stored[:10], roll_events=10)
    archive.close()
    backup = (tmp_path / "catalogue.db").read_bytes()
    archive = SqliteArchive(tmp_path, roll_events=10)
    archive.append(0, stored[10:20])
    archive.append(0, stored[20:])
    archive.close()
    (tmp_path / "catalogue.db").write_bytes(backup)

    archive = SqliteArchive(tmp_path, roll_events=10)

    assert (archive.offset(0), archive.count(Query())) == (30, 30)
    assert archive.append(0, [make_entry(31, uid=stored[14].uid)]).duplicate == 1
    archive.close()


def test_an_empty_file_left_by_a_crash_is_cleared_away(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(3)).close()
    (tmp_path / "events-0-000000000004.db").touch()

    archive = SqliteArchive(tmp_path)

    assert not (tmp_path / "events-0-000000000004.db").exists()
    assert archive.offset(0) == 3
    archive.close()


def test_an_unknown_file_that_cannot_be_read_is_not_touched(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(3)).close()
    path = tmp_path / "events-0-000000000004.db"
    path.write_bytes(b"something else" * 100)

    with pytest.raises(ArchiveError, match=r"events-0-000000000004.db is not in the archive's catalogue"):
        SqliteArchive(tmp_path)
    assert path.read_bytes() == b"something else" * 100


def test_a_data_file_that_is_missing_is_named(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(3)).close()
    (tmp_path / "events-0-000000000001.db").unlink()

    with pytest.raises(ArchiveError, match="unable to open database file"):
        SqliteArchive(tmp_path)
    assert not (tmp_path / "events-0-000000000001.db").exists()


def test_a_damaged_body_is_an_archive_error(tmp_path: Path) -> None:
    archive_of(tmp_path, entries(3)).close()
    with closing(sqlite3.connect(tmp_path / "events-0-000000000001.db", isolation_level=None)) as connection:
        connection.execute("UPDATE bodies SET body = x'00' WHERE seq = 2")
    reader = SqliteArchive(tmp_path, read_only=True)

    with pytest.raises(ArchiveError, match="the file is damaged"):
        reader.search(Query())
    reader.close()


def test_a_directory_that_cannot_be_made_is_an_archive_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(ArchiveError, match="cannot open the archive"):
        SqliteArchive(tmp_path / "file" / "archive")


def test_many_threads_read_while_one_appends(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=100)

    def read(turn: int) -> bool:
        hits = archive.search(Query(limit=1000, q="message" if turn % 2 else "")).hits
        times = [hit.time_ms for hit in hits]
        return times == sorted(times, reverse=True) and len(archive.entries(0, seqs(hits))) == len(hits)

    with ThreadPoolExecutor(4) as readers:
        answers = []
        for first in range(1, 301, 25):
            archive.append(0, [make_entry(seq) for seq in range(first, first + 25)])
            answers.append(readers.submit(read, first))
        assert all(answer.result() for answer in answers)
    assert archive.count(Query()) == 300
    archive.close()


def test_it_keeps_few_files_open_over_many_data_files(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, [], roll_events=1)
    for seq in range(1, 26):
        archive.append(0, [make_entry(seq)])

    assert len(archive.search(Query(limit=1000, q="message")).hits) == 25
    assert archive.count(Query(q="message")) == 25
    open_files = [path for path in Path("/proc/self/fd").iterdir() if str(tmp_path) in os.path.realpath(path)]
    assert len(open_files) < 50
    archive.close()
