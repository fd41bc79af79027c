"""A copy of the archive as it was at one instant, while its writer goes on."""

import threading
from contextlib import closing

import pytest

from hub.archive.base import ArchiveError
from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.archive.sqlite.snapshot import CATALOGUE_NAME, ArchiveSnapshot
from tests.factories.archives import archive_of, entries


@pytest.fixture
def work(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


def copied(snapshot):
    """Copies everything and opens the copy."""
    for name in snapshot.names:
        snapshot.copy(name)
    return SqliteArchive(snapshot.copy(CATALOGUE_NAME).parent, roll_events=100)


def told(archive):
    """What an archive answers."""
    return (
        archive.offset(0),
        archive.count(Query()),
        archive.facets(Query(), "code"),
        archive.facets(Query(), "domain"),
        archive.histogram(Query(), 3_600_000),
        [hit.uid for hit in archive.iterate(Query())],
        [(check.first_seq, check.last_seq, check.problem) for check in archive.verify_chain()],
    )


@pytest.mark.parametrize("at", [1, 60, 100, 130, 350])
def test_a_copy_is_the_archive_as_it_was_whatever_was_appended_meanwhile(tmp_path, work, at):
    with (
        closing(archive_of(tmp_path / "a", entries(at), roll_events=100)) as archive,
        ArchiveSnapshot(tmp_path / "a", work) as snapshot,
    ):
        before = told(archive)
        for first in range(at + 1, at + 301, 50):
            archive.append(0, entries(50, first=first))
        with closing(copied(snapshot)) as copy:
            assert told(copy) == before
        assert snapshot.offsets == {0: at}
        assert snapshot.events == at


def test_a_copy_finds_every_event_by_its_id_and_takes_new_ones(tmp_path, work):
    with (
        closing(archive_of(tmp_path / "a", entries(150), roll_events=100)),
        ArchiveSnapshot(tmp_path / "a", work) as snapshot,
        closing(copied(snapshot)) as copy,
    ):
        known = [copy.get(entry.uid.hex()) for entry in entries(150)]
        stored = copy.append(0, entries(10, first=151))

        assert [hit.seq for hit in known] == list(range(1, 151))
        assert stored.stored == 10


def test_a_copy_that_is_taken_while_a_thread_appends_verifies(tmp_path, work):
    stop = threading.Event()
    with closing(archive_of(tmp_path / "a", entries(20), roll_events=100)) as archive:

        def appending():
            for first in range(21, 5000, 20):
                archive.append(0, entries(20, first=first))
                if stop.is_set():
                    return

        thread = threading.Thread(target=appending)
        thread.start()
        try:
            with ArchiveSnapshot(tmp_path / "a", work) as snapshot, closing(copied(snapshot)) as copy:
                offset, count, *_, chain = told(copy)
        finally:
            stop.set()
            thread.join()

    assert offset == count == snapshot.offsets[0]
    assert {problem for *_, problem in chain} == {None}


def test_a_damaged_archive_is_said(tmp_path, work):
    archive_of(tmp_path / "a", entries(5)).close()
    (tmp_path / "a" / "events-0-000000000001.db").write_bytes(b"no database at all" * 300)

    with pytest.raises(ArchiveError, match=r"not a database.*restore it from a backup"):
        ArchiveSnapshot(tmp_path / "a", work)
