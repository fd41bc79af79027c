"""A disk that takes no more: an error that helps, nothing lost, and on it goes once there is room."""

import subprocess
import sys
from pathlib import Path

import pytest

from hub.archive.base import ArchiveError
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive, failure
from tests.factories.archives import archive_of, entries
from tests.factories.events import make_entry

SCRIPT = """
import resource, signal, sys
from pathlib import Path
from hub.archive.base import ArchiveError
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from tests.factories.events import make_entry

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
archive = SqliteArchive(Path(sys.argv[1]), roll_events=int(sys.argv[2]))
seq = 0

def append(count):
    global seq
    archive.append(0, [make_entry(n) for n in range(seq + 1, seq + 1 + count)])
    seq += count

append(200)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), hard))
failures = 0
for _ in range(200):
    try:
        append(20)
    except ArchiveError as error:
        failures += 1
        message = str(error)
        if failures == 3:
            break
assert failures == 3, failures
assert archive.offset(0) == seq, (archive.offset(0), seq)
assert archive.count(Query()) == seq == sum(1 for _ in archive.iterate(Query()))
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
append(300)
assert archive.count(Query(q="message")) == seq
assert all(check.problem is None for check in archive.verify_chain())
archive.close()
print(seq, message)
"""


@pytest.mark.parametrize(("roll", "limit"), [(250_000, 300_000), (100, 100_000), (250_000, 20_000)])
def test_a_full_disk_is_told_and_survived(tmp_path: Path, roll: int, limit: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(roll), str(limit)], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    stored, _, message = done.stdout.partition(" ")
    assert f"cannot write the archive {tmp_path}" in message
    assert "archiving goes on by itself" in message
    archive = SqliteArchive(tmp_path)
    assert archive.offset(0) == int(stored)
    archive.close()


def test_a_failed_append_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(tmp_path, entries(10))
    monkeypatch.setattr("hub.archive.sqlite.writer.add_up", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        archive.append(0, [make_entry(11, tenant="new tenant")])
    monkeypatch.undo()

    assert archive.offset(0) == 10
    assert archive.count(Query(tenant=("new tenant",))) == 0
    archive.append(0, [make_entry(11, tenant="other tenant")])
    assert archive.count(Query(tenant=("other tenant",))) == 1
    archive.close()


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("database or disk is full", "free disk space"),
        ("disk I/O error", "check free disk space"),
        ("attempt to write a readonly database", "make the directory writable"),
        ("[Errno 30] Read-only file system: 'x'", "make the file system writable"),
        ("[Errno 13] Permission denied: 'x'", "make the directory writable"),
        ("database is locked", "stop the other program"),
        ("database disk image is malformed", "the file is damaged"),
    ],
)
def test_every_trouble_says_what_to_do(tmp_path: Path, message: str, advice: str) -> None:
    with pytest.raises(ArchiveError, match=advice), failure.translated(tmp_path, "write"):
        raise OSError(message)
