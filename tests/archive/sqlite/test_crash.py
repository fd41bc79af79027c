"""Killed at any instant, the archive is whole: offset, files and id index agree, what was said is there."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random
from threading import Timer

import pytest

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive

WRITER = [sys.executable, "-m", "tests.archive.sqlite.crash_writer"]


def killed_writer(path: Path, seed: int, after_s: float) -> int:
    """Run a writer, SIGKILL it `after_s` after it is open; the last seq that it said was stored."""
    process = subprocess.Popen([*WRITER, str(path), str(seed)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    killer = Timer(after_s, process.kill)
    killer.start()
    said = [line for line in process.stdout if line.endswith("\n")]
    killer.join()
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    return int(said[-1]) if said else 0


def check(path: Path, said: int) -> int:
    """Everything that must hold after a crash; the offset."""
    archive = SqliteArchive(path, roll_events=150)
    offset, oldest = archive.offset(0), archive.oldest_seq(0)
    hits = {hit.seq: hit for hit in archive.iterate(Query())}
    held = archive.entries(0, range(max(1, oldest), offset + 1))

    assert offset >= said
    assert all(oldest <= seq <= offset for seq in hits)
    assert len({hit.uid for hit in hits.values()}) == len(hits)
    for hit in hits.values():
        assert archive.get(hit.uid) == hit
    assert set(hits) <= set(held)
    assert archive.count(Query(q="message")) == archive.count(Query()) == len(hits)
    assert [check.problem for check in archive.verify_chain() if check.problem] == []
    archive.close()
    for file in path.glob("*.db"):
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
            if file.name.startswith("events"):
                connection.execute("INSERT INTO terms(terms) VALUES('integrity-check')")
    return offset


def rounds(path: Path, count: int, seed: int) -> int:
    random, said, offset = Random(seed), 0, 0
    for number in range(count):
        said = max(said, killed_writer(path, seed + number, random.uniform(0, 0.4)), offset)
        offset = check(path, said)
    return offset


def test_a_killed_writer_leaves_a_whole_archive(tmp_path: Path) -> None:
    assert rounds(tmp_path, 2, seed=1) > 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_many_kills_in_a_row_leave_a_whole_archive(tmp_path: Path) -> None:
    assert rounds(tmp_path, 25, seed=100) > 2000
