"""The writing side of a directory: append, roll to the next file, recover."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock

from hub.archive.base import ArchiveError, Stored
from hub.archive.sqlite.adopt import adopt_files
from hub.archive.sqlite.batch import bounded
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.chain import GENESIS
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.lock import DirectoryLock
from hub.archive.sqlite.schema import connect_reader, place_of, split_place
from hub.archive.sqlite.uids import FLUSH_AT, NAME, Uids
from hub.archive.sqlite.writer import OpenFile, create
from hub.model.event import Entry

__all__ = ["MAX_BATCH", "Store"]

MAX_BATCH = 5_000
"""Entries of one append."""


class Store:
    """Owns the directory for writing from construction to `close`.

    Raises `ArchiveError` when another process writes there, or the state is a newer version's.
    """

    def __init__(self, directory: Path, *, keep_ms: int | None, roll_events: int, roll_ms: int) -> None:
        self.directory = directory
        self.lock = Lock()
        """Held while anything is written; retention takes it in slices."""
        self._keep_ms = keep_ms
        self._roll_events = roll_events
        self._roll_ms = roll_ms
        self._open: dict[int, OpenFile] = {}
        self._compacting = ThreadPoolExecutor(1, thread_name_prefix="archive-compact")
        with translated(directory, "open the archive"):
            directory.mkdir(parents=True, exist_ok=True)
            self._held = DirectoryLock(directory)
            try:
                self.catalogue = Catalogue(directory, read_only=False)
                adopt_files(directory, self.catalogue)
                self.uids = Uids(directory / NAME)
                self._catch_up()
                self._compact_last()
            except BaseException:
                self._held.release()
                raise

    def _catch_up(self) -> None:
        """Bring the id index up to the data files."""
        partitions = {file.partition for file in self.catalogue.files()}
        if any(self.uids.reached(partition) > self.offset(partition) for partition in partitions):
            self.uids.rebuild()
        for file in self.catalogue.files():
            reached = self.uids.reached(file.partition)
            if file.last_seq is not None and file.last_seq <= reached:
                continue
            self._read_uids(file, reached)

    def _read_uids(self, file: DataFile, reached: int) -> None:
        partition = file.partition
        with closing(connect_reader(self.directory / file.name)) as connection:
            rows = connection.execute(
                f"SELECT b.seq, e.uid FROM {file.by_seq} WHERE b.seq > ? ORDER BY b.seq",
                (reached,),
            )
            while chunk := rows.fetchmany(FLUSH_AT):
                self.uids.add(partition, {uid: place_of(partition, seq) for seq, uid in chunk}, chunk[-1][0])
                self.uids.flush(at=FLUSH_AT)

    def _writable(self, partition: int, now_ms: int = 0) -> OpenFile:
        """The partition's open file; its first one is made when there is none."""
        if partition not in self._open:
            file = next(
                (f for f in self.catalogue.files() if f.partition == partition and not f.sealed), None
            )
            if file is None:
                file = self._first(partition, 1, now_ms)
            self._open[partition] = OpenFile(self.directory, file)
        return self._open[partition]

    def _first(self, partition: int, first_seq: int, now_ms: int) -> DataFile:
        file = create(self.directory, partition, first_seq, _base(now_ms), GENESIS)
        self.catalogue.begin(file, None)
        return file

    def begin(self, partition: int, after: int, now_ms: int) -> None:
        """See `hub.archive.base.Archive.begin`."""
        with self.lock, translated(self.directory, "begin the archive"):
            if any(file.partition == partition for file in self.catalogue.files()):
                raise ArchiveError(f"{self.directory} holds events already: move it away first")
            self._first(partition, after + 1, now_ms)

    def known_offset(self, partition: int) -> int | None:
        """The offset while the partition's file is open, without waiting for a write in progress."""
        file = self._open.get(partition)
        return None if file is None else file.last_seq

    def offset(self, partition: int) -> int:
        """Highest durable seq; 0 for a partition that has no file yet."""
        if partition in self._open:
            return self._open[partition].last_seq
        if not any(file.partition == partition for file in self.catalogue.files()):
            return 0
        return self._writable(partition).last_seq

    def append(self, partition: int, entries: Sequence[Entry]) -> Stored:
        """See `hub.archive.base.Archive.append`; at most `MAX_BATCH` entries."""
        with self.lock, translated(self.directory, "write the archive"):
            _check(entries, self.offset(partition))
            try:
                return self._append(partition, entries)
            except BaseException:
                self._reload(partition)
                raise

    def _append(self, partition: int, entries: Sequence[Entry]) -> Stored:
        self.uids.flush(at=FLUSH_AT)
        offset = self.offset(partition)
        fresh = [bounded(entry) for entry in entries if entry.seq > offset]
        if not fresh:
            return Stored(0, len(entries))
        file = self._rolled(partition, fresh[0].header.recorded_ms)
        known = self._known(fresh)
        batch = file.batch(self._keep_ms)
        for entry in fresh:
            original = known.get(entry.uid) or batch.places.get(entry.uid)
            if original is None:
                batch.add(entry)
            else:
                batch.repeat(entry.seq, original)
        file.write(batch)
        self.uids.add(partition, batch.places, batch.last_seq)
        return Stored(len(batch.places), len(entries) - len(batch.places))

    def _known(self, entries: Sequence[Entry]) -> dict[bytes, int]:
        """Ids that are stored already; one whose file retention has dropped counts as new."""
        places = self.uids.lookup([entry.uid for entry in entries])
        if not places:
            return places
        oldest: dict[int, int] = {}
        for file in self.catalogue.files():
            oldest.setdefault(file.partition, file.first_seq)
        held = ((uid, place, *split_place(place)) for uid, place in places.items())
        return {uid: place for uid, place, partition, seq in held if seq >= oldest.get(partition, seq + 1)}

    def _rolled(self, partition: int, recorded_ms: int) -> OpenFile:
        """The file for the next batch: the open one, or a new one when it has its number or its days."""
        file = self._writable(partition, recorded_ms)
        first = file.min_recorded
        old = first is not None and recorded_ms - first >= self._roll_ms
        return self.roll(partition, recorded_ms) if old or file.records >= self._roll_events else file

    def roll(self, partition: int, now_ms: int) -> OpenFile:
        """Seal the open file and begin the next; under `lock`."""
        before = self._writable(partition)
        after = create(self.directory, partition, before.last_seq + 1, _base(now_ms), before.chain)
        self.catalogue.begin(after, before.sealed())
        self._open[partition] = OpenFile(self.directory, after)
        self._compacting.submit(_compact, before)
        return self._open[partition]

    def compacted(self) -> None:
        """Wait until no sealed file is being compacted."""
        self._compacting.submit(int).result()

    def _compact_last(self) -> None:
        """Compact files that a crash kept from it: at most the last sealed one of a partition."""
        last = {file.partition: file for file in self.catalogue.files() if file.sealed}
        for file in last.values():
            held = OpenFile(self.directory, file)
            if held.compacted:
                held.close()
            else:
                self._compacting.submit(_compact, held)

    def open_file(self, partition: int) -> OpenFile:
        """The partition's open file, for retention; under `lock`."""
        return self._writable(partition)

    def _reload(self, partition: int) -> None:
        """Forget what is in memory after an error: the disk is right."""
        file = self._open.get(partition)
        if file is None:
            return
        try:
            file.load()
        except sqlite3.Error:
            self._open.pop(partition).close()

    def close(self) -> None:
        """Finish what is running and let the next writer in."""
        self._compacting.shutdown(wait=True)
        with self.lock, translated(self.directory, "close the archive"):
            for file in self._open.values():
                file.close()
            self._open.clear()
            self.uids.close()
            self.catalogue.close()
            self._held.release()


def _compact(file: OpenFile) -> None:
    """In the background; a failure costs size and speed, nothing that correctness needs."""
    with suppress(sqlite3.Error), closing(file):
        file.compact()


def _base(now_ms: int) -> int:
    """Where a new file's keys count from: most events are recorded within the hour; small numbers are short
    on disk.
    """
    return now_ms - 3_600_000


def _check(entries: Sequence[Entry], offset: int) -> None:
    """Raise `ValueError` unless the entries follow each other and the offset without a hole."""
    if len(entries) > MAX_BATCH:
        raise ValueError(f"{len(entries)} entries in one append; at most {MAX_BATCH}")
    expected = min(entries[0].seq, offset + 1) if entries else 0
    for entry in entries:
        if entry.seq != expected:
            raise ValueError(
                f"entry {entry.seq} does not follow {expected - 1}: the archive would have a hole"
            )
        expected += 1
