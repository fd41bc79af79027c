"""The hash chain over files."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.chain import event_digest
from tests.factories.archives import archive_of, entries
from tests.factories.events import NOW_MS, make_entry


def chained(path: Path) -> None:
    """Three files of ten seqs, with a repeat, a hostile time and an odd domain."""
    archive = archive_of(path, [], roll_events=10, keep_days=30)
    stored = entries(30)
    stored[4] = make_entry(5, time_ms=-(2**70), domain="MiXed.example", body=b"{}")
    stored[14] = make_entry(15, uid=stored[2].uid)
    for first in (0, 10, 20):
        archive.append(0, stored[first : first + 10])
    archive.close()


def problems(path: Path) -> list[str | None]:
    archive = SqliteArchive(path, read_only=True)
    found = [check.problem for check in archive.verify_chain()]
    archive.close()
    return found


def tamper(path: Path, name: str, sql: str, *args: object) -> None:
    with closing(sqlite3.connect(path / name, isolation_level=None)) as connection:
        connection.execute(sql, args)


def test_an_untouched_archive_verifies(tmp_path: Path) -> None:
    chained(tmp_path)

    assert problems(tmp_path) == [None, None, None]


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        (
            "UPDATE events SET lag_ms = lag_ms + 1 WHERE key = (SELECT max(key) FROM events)",
            "an event was changed",
        ),
        ("UPDATE origins SET tenant = 'other' WHERE id = 1", "an event was changed"),
        ("UPDATE repeats SET original = 4", "an event was changed"),
        ("DELETE FROM bodies WHERE seq = 12", "seq 12 is missing"),
        ("DELETE FROM bodies WHERE seq = 20", "ends at seq 19 instead of 20"),
        ("UPDATE state SET chain = zeroblob(32)", "its chain value is not the one in the catalogue"),
        ("UPDATE state SET previous_chain = zeroblob(32)", "does not follow the file before it"),
    ],
)
def test_a_change_is_found_and_named(tmp_path: Path, sql: str, problem: str) -> None:
    chained(tmp_path)

    tamper(tmp_path, "events-0-000000000011.db", sql)

    assert problems(tmp_path) == [None, problem, None]


def test_a_changed_body_is_found(tmp_path: Path) -> None:
    chained(tmp_path)
    with closing(sqlite3.connect(tmp_path / "events-0-000000000011.db", isolation_level=None)) as connection:
        other = connection.execute("SELECT body FROM bodies WHERE seq = 12").fetchone()[0]
        connection.execute("UPDATE bodies SET body = ? WHERE seq = 13", (other,))

    assert problems(tmp_path)[1] == "an event was changed"


def test_a_damaged_body_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    chained(tmp_path)

    tamper(tmp_path, "events-0-000000000011.db", "UPDATE bodies SET body = x'00' WHERE seq = 13")

    problem = problems(tmp_path)[1]
    assert problem is not None
    assert problem.startswith("cannot be read")


def test_an_erased_event_that_left_its_digest_verifies(tmp_path: Path) -> None:
    chained(tmp_path)
    archive = SqliteArchive(tmp_path, read_only=True)
    digest = event_digest(archive.entries(0, [13])[13])
    archive.close()

    tamper(tmp_path, "events-0-000000000011.db", "DELETE FROM bodies WHERE seq = 13")
    tamper(tmp_path, "events-0-000000000011.db", "INSERT INTO erased VALUES(13, ?)", digest)

    assert problems(tmp_path) == [None, None, None]


def test_what_retention_left_still_verifies(tmp_path: Path) -> None:
    chained(tmp_path)
    archive = SqliteArchive(tmp_path)

    archive.retain(now_ms=NOW_MS, keep_ms=None, max_bytes=1, owed_from={})

    assert [check.first_seq for check in archive.verify_chain()] == [21, 31]
    assert [check.problem for check in archive.verify_chain()] == [None, None]
    archive.close()
