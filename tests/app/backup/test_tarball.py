"""A back-up file is believed only when every byte is as it was written."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.app.backup.manifest import BackupError, Manifest
from hub.app.backup.tarball import END, header, read_through
from tests.factories.backups import SMALL, contents, made, manifest_of, member

WHOLE = made()


def refused(file, match="."):
    with pytest.raises(BackupError, match=match):
        list(read_through(io.BytesIO(file)))


def test_every_member_comes_back_as_it_was_written():
    assert contents(WHOLE) == SMALL
    assert [one.name for one in manifest_of(WHOLE).members] == list(SMALL)


def test_an_ordinary_tar_opens_it():
    with tarfile.open(fileobj=io.BytesIO(WHOLE)) as tar:
        found = {info.name: tar.extractfile(info).read() for info in tar if info.name in SMALL}
        modes = {info.mode for info in tar}

    assert found == SMALL
    assert modes == {0o600}


def test_a_flipped_bit_anywhere_is_noticed():
    unnoticed = []
    for at in range(len(WHOLE)):
        file = bytearray(WHOLE)
        file[at] ^= 0x40
        try:
            list(read_through(io.BytesIO(file)))
        except BackupError:
            continue
        unnoticed.append(at)

    assert unnoticed == []


def test_a_file_that_is_cut_short_anywhere_is_refused():
    for size in range(0, len(WHOLE), 97):
        refused(WHOLE[:size])

    refused(WHOLE[:-1], "cut short")


def test_bytes_after_the_end_are_refused():
    refused(WHOLE + b"\0", "follow its end")


def test_something_else_is_told_apart_from_a_damaged_one():
    refused(b"PK\3\4" + bytes(5000), "no back-up of mxhub")
    refused(member("log/dump.rdb", b"x") + b"garbage" * 200, r"damaged after log/dump\.rdb")


@pytest.mark.parametrize(
    "name",
    [
        "../escape", "/etc/passwd", "archive/../x", "archive/..", "beside/../../x", "beside/.ssh",
        "log/other", "beside/a/b/c", "archive/events-0-1.db", "config/", "state.json", "beside/\u00e4",
        "config/a b", "archive/events-0-000000000001.db\n", "",
    ],
)  # fmt: skip
def test_a_name_that_has_no_place_is_neither_written_nor_read(name):
    with pytest.raises(ValueError, match="may not stand"):
        header(name, 1, 0)
    info = tarfile.TarInfo(name)
    refused(info.tobuf(tarfile.GNU_FORMAT, "utf-8") + END)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.AREGTYPE,
     tarfile.GNUTYPE_SPARSE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.CONTTYPE],
)  # fmt: skip
def test_anything_but_plain_files_is_refused(kind):
    info = tarfile.TarInfo("log/dump.rdb")
    info.type, info.linkname, info.size = kind, "/etc/passwd", 1 << 40

    refused(info.tobuf(tarfile.GNU_FORMAT) + bytes(512) + END, "no plain file")


def test_a_size_beyond_the_file_costs_nothing():
    info = tarfile.TarInfo("log/dump.rdb")
    info.size = 1 << 60

    refused(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024), "cut short")


def test_a_manifest_of_gigabytes_is_not_read():
    info = tarfile.TarInfo("manifest.json")
    info.size = 1 << 40

    refused(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024), "too large")


def test_a_member_twice_is_refused():
    refused(member("log/dump.rdb", b"a") * 2 + END, "no place")


def test_members_that_the_manifest_does_not_name_are_refused():
    extra = member("config/9-more.yaml", b"x") + WHOLE

    refused(extra, "config/9-more.yaml is not as it was written")


def test_members_that_are_missing_are_refused():
    first = len(member("archive/events-0-000000000001.db", SMALL["archive/events-0-000000000001.db"]))

    refused(WHOLE[first:], "events-0-000000000001.db is not as it was written")


def test_a_later_form_says_which_release_to_take():
    refused(made(format=2, mxhub="9.9.0"), r"mxhub 9\.9\.0 in form 2")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=3000))
def test_arbitrary_bytes_are_refused_and_nothing_else_is_raised(file):
    refused(file)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_whole_file_with_a_piece_replaced_is_refused(data):
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    piece = data.draw(st.binary(min_size=1, max_size=600))
    file = WHOLE[:at] + piece + WHOLE[at + len(piece) :]
    try:
        found = list(read_through(io.BytesIO(file)))
    except BackupError:
        return

    assert isinstance(found[-1], Manifest)
    assert contents(file) == SMALL
