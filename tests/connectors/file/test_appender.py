"""Whole lines in a file that rotates, is moved away, is torn, or fills its disk."""

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.file import appender
from connectors.file.appender import Appender, Rotation

NEVER = Rotation(None, None, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "events.ndjson"


def writer(path, rotation=NEVER, *, fsync=False):
    return Appender(path, rotation, fsync=fsync)


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_lines_are_appended_to_what_is_there(path):
    path.write_bytes(b'{"n":0}\n')

    writer(path).append(b'{"n":1}\n{"n":2}\n')

    assert path.read_bytes() == b'{"n":0}\n{"n":1}\n{"n":2}\n'


def test_a_new_file_is_not_for_everybody(path):
    writer(path).append(b"{}\n")

    assert path.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize("torn", [b'{"n":1,"subj', b"{" + b"x" * 200_000])
def test_half_an_event_is_cut_off(path, torn):
    path.write_bytes(b'{"n":0}\n' + torn)

    writer(path).append(b'{"n":2}\n')

    assert path.read_bytes() == b'{"n":0}\n{"n":2}\n'


def test_half_an_event_as_the_whole_file_is_cut_off(path):
    path.write_bytes(b'{"n"')

    writer(path).append(b'{"n":2}\n')

    assert path.read_bytes() == b'{"n":2}\n'


def test_a_last_line_that_is_not_ours_is_kept(path):
    path.write_bytes(b"# written by somebody")

    writer(path).append(b'{"n":2}\n')

    assert path.read_bytes() == b'# written by somebody\n{"n":2}\n'


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=5), st.integers(0, 200))
def test_wherever_a_crash_tears_the_file_only_whole_lines_remain(tmp_path_factory, lengths, cut):
    path = tmp_path_factory.mktemp("torn") / "f"
    whole = b"".join(b'{"x":"%s"}\n' % (b"y" * length) for length in lengths)
    path.write_bytes(whole[:cut])

    writer(path).append(b'{"n":1}\n')

    kept = whole[:cut].rpartition(b"\n")
    assert path.read_bytes() == kept[0] + kept[1] + b'{"n":1}\n'


def test_the_file_is_reopened_after_somebody_moved_it_away(path):
    ours = writer(path)
    ours.append(b"{1}\n")
    path.rename(path.with_name("moved"))
    ours.append(b"{2}\n")

    assert path.with_name("moved").read_bytes() == b"{1}\n"
    assert path.read_bytes() == b"{2}\n"


def test_the_file_is_made_again_after_somebody_removed_it(path):
    ours = writer(path)
    ours.append(b"{1}\n")
    path.unlink()
    ours.append(b"{2}\n")

    assert path.read_bytes() == b"{2}\n"


def test_a_file_cut_to_nothing_goes_on_from_nothing(path):
    ours = writer(path)
    ours.append(b"{1}\n")
    os.truncate(path, 0)  # logrotate's copytruncate
    ours.append(b"{2}\n")

    assert path.read_bytes() == b"{2}\n"


# -- rotation ------------------------------------------------------------------------------------------------
def test_a_full_file_becomes_number_one_and_the_oldest_goes(path):
    ours = writer(path, Rotation(10, None, 2))
    for number in range(5):
        ours.append(b"{%d}......\n" % number)

    assert names(path) == ["events.ndjson", "events.ndjson.1", "events.ndjson.2"]
    assert path.read_bytes() == b"{4}......\n"
    assert path.with_name("events.ndjson.1").read_bytes() == b"{3}......\n"
    assert path.with_name("events.ndjson.2").read_bytes() == b"{2}......\n"


def test_a_batch_larger_than_a_file_is_written_whole(path):
    writer(path, Rotation(10, None, 2)).append(b"{1}" + b"." * 50 + b"\n")

    assert names(path) == ["events.ndjson"]
    assert path.stat().st_size == 54


@pytest.mark.parametrize(
    ("written_s", "now_s", "expected"),
    [(86_399, 86_400, True), (86_400, 86_401, False), (86_400, 172_799, False), (86_400, 172_800, True)],
)
def test_a_day_ends_at_midnight_utc(written_s, now_s, expected):
    assert Rotation(None, 24, 2).due(1, written_s, now_s, 1) is expected


def test_an_empty_file_is_never_finished():
    assert not Rotation(10, 24, 2).due(0, 0, 1e9, 1000)


def test_yesterday_s_file_is_finished_also_after_a_restart(path):
    path.write_bytes(b"{1}\n")
    os.utime(path, (0, 0))

    writer(path, Rotation(None, 24, 2)).append(b"{2}\n")

    assert path.with_name("events.ndjson.1").read_bytes() == b"{1}\n"
    assert path.read_bytes() == b"{2}\n"


def test_two_writers_take_turns_and_lose_nothing_while_they_rotate(path):
    def work(name):
        ours = writer(path, Rotation(400, None, 1000))
        for number in range(100):
            ours.append(b'{"%s":%d}\n' % (name, number))
        ours.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in (b"a", b"b")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    lines = b"".join(each.read_bytes() for each in path.parent.iterdir()).splitlines()
    assert sorted(lines) == sorted(b'{"%s":%d}' % (n, i) for n in (b"a", b"b") for i in range(100))
    assert all(each.read_bytes().endswith(b"\n") for each in path.parent.iterdir())


# -- trouble -------------------------------------------------------------------------------------------------
def test_a_write_that_fails_halfway_leaves_nothing(path, monkeypatch):
    ours = writer(path)
    ours.append(b"{1}\n")
    real = os.write

    def full(fd, view):
        if len(view) > 5:
            return real(fd, view[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(appender.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        ours.append(b'{"n":2}\n')
    monkeypatch.undo()

    assert path.read_bytes() == b"{1}\n"
    ours.append(b"{3}\n")
    assert path.read_bytes() == b"{1}\n{3}\n"


def test_trouble_lets_go_of_the_lock(path, monkeypatch):
    ours, other = writer(path), writer(path)
    monkeypatch.setattr(appender, "_write_all", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "I/O")))
    with pytest.raises(OSError, match="I/O"):
        ours.append(b"{1}\n")
    monkeypatch.undo()

    other.append(b"{2}\n")

    assert path.read_bytes() == b"{2}\n"


def test_a_batch_is_on_the_disk_before_it_counts(path, monkeypatch):
    synced = []
    monkeypatch.setattr(appender, "_sync", synced.append)

    writer(path, fsync=True).append(b"{1}\n")
    writer(path, fsync=False).append(b"{2}\n")

    assert len(synced) == 1


def test_closing_twice_is_fine(path):
    ours = writer(path)
    ours.append(b"{1}\n")
    ours.close()
    ours.close()

    assert path.read_bytes() == b"{1}\n"
