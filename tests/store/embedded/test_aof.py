"""How the end of an append-only file is read and mended, without a server."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.store.embedded.aof import Scan, diagnose, last_incremental, mend, scan
from hub.store.embedded.errors import DamagedLog
from tests.factories.embedded import command_bytes

words = st.lists(st.binary(max_size=40), min_size=1, max_size=5)
SET = command_bytes([b"SET", b"k", b"v"])


def folder_with(tmp_path: Path, content: bytes) -> Path:
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.1.incr.aof").write_bytes(b"an older one")
    (folder / "appendonly.aof.2.incr.aof").write_bytes(content)
    (folder / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\n"
        "file appendonly.aof.1.incr.aof seq 1 type i\n"
        "file appendonly.aof.2.incr.aof seq 2 type i\n"
    )
    return tmp_path


def test_the_newest_incremental_file_of_the_manifest_is_the_one_that_is_looked_at(tmp_path: Path) -> None:
    folder_with(tmp_path, SET)

    assert last_incremental(tmp_path) == tmp_path / "appendonlydir" / "appendonly.aof.2.incr.aof"


def test_a_directory_without_a_log_needs_no_mending(tmp_path: Path) -> None:
    assert mend(tmp_path) is None


@given(st.lists(words, max_size=6))
def test_whole_commands_are_read_to_the_end(commands: list[list[bytes]]) -> None:
    content = b"".join(command_bytes(each) for each in commands)

    assert scan(content) == Scan(len(content), None)


@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_a_log_cut_anywhere_reads_to_its_last_whole_command_without_a_fault(
    commands: list[list[bytes]], data: st.DataObject
) -> None:
    encoded = [command_bytes(each) for each in commands]
    whole = b"".join(encoded)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, encoded[:count])) for count in range(len(encoded) + 1)]

    assert scan(whole[:cut]) == Scan(max(end for end in ends if end <= cut), None)


@given(st.lists(words, max_size=4), st.integers(1, 9000))
def test_zeros_after_whole_commands_are_a_fault_at_the_first_zero(
    commands: list[list[bytes]], zeros: int
) -> None:
    whole = b"".join(command_bytes(each) for each in commands)

    assert scan(whole + bytes(zeros)) == Scan(len(whole), len(whole))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_exception_and_within_bounds(content: bytes) -> None:
    found = scan(content)

    assert 0 <= found.good_end <= len(content)
    assert found.fault is None or found.good_end <= found.fault < len(content)


def test_time_stamps_between_commands_are_skipped() -> None:
    content = b"#TS:1700000000\r\n" + SET

    assert scan(content) == Scan(len(content), None)


def test_a_zero_filled_end_is_cut_after_a_copy(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, SET * 3 + bytes(4096))

    note = mend(folder, now_s=0)

    saved = folder / "saved" / "appendonly.aof.2.incr.aof.19700101T000000Z"
    assert (folder / "appendonlydir" / "appendonly.aof.2.incr.aof").read_bytes() == SET * 3
    assert saved.read_bytes() == SET * 3 + bytes(4096)
    assert note is not None
    assert str(saved) in note


def test_a_command_that_breaks_off_into_zeros_is_cut_with_them(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, SET + SET[:9] + bytes(4096))

    mend(folder)

    assert (folder / "appendonlydir" / "appendonly.aof.2.incr.aof").read_bytes() == SET


def test_zeros_that_belong_to_a_value_are_left_alone(tmp_path: Path) -> None:
    torn_in_a_value = SET + command_bytes([b"SET", b"k", bytes(500)])[:-200]
    folder = folder_with(tmp_path, torn_in_a_value)

    assert mend(folder) is None
    assert (folder / "appendonlydir" / "appendonly.aof.2.incr.aof").read_bytes() == torn_in_a_value


def test_anything_but_zeros_after_the_fault_is_refused_with_where_and_what_to_do(tmp_path: Path) -> None:
    content = SET + bytes(10) + b"x" + bytes(10)
    folder = folder_with(tmp_path, content)

    with pytest.raises(DamagedLog, match=rf"byte {len(SET)} of {len(content)}.*truncate -s {len(SET)}"):
        mend(folder)
    assert (folder / "appendonlydir" / "appendonly.aof.2.incr.aof").read_bytes() == content


def test_diagnose_says_nothing_about_a_whole_log(tmp_path: Path) -> None:
    assert diagnose(folder_with(tmp_path, SET)) is None
