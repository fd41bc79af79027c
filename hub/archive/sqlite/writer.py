"""The open data file of one partition: its transaction is the only truth about what is archived."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hub.archive.sqlite.batch import Batch
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.codec import CURRENT, packer
from hub.archive.sqlite.names import Names
from hub.archive.sqlite.rollups import add_up
from hub.archive.sqlite.schema import DATA, ERASURES, connect_writer

__all__ = ["OpenFile", "create", "sync"]

_CACHE_KIB = 32_768
_CHECKPOINT_PAGES = 4_000

_SEALED = ("last_seq", "events", "min_ms", "max_ms", "min_recorded", "max_recorded", "chain")
_EVENTS = f"INSERT INTO events VALUES({', '.join('?' * 9)})"
_STATE = """UPDATE state SET last_seq = ?, chain = ?, events = events + ?,
  min_ms = coalesce(min(min_ms, ?), min_ms, ?), max_ms = coalesce(max(max_ms, ?), max_ms, ?),
  min_recorded = coalesce(min(min_recorded, ?), min_recorded, ?),
  max_recorded = coalesce(max(max_recorded, ?), max_recorded, ?)"""


def create(
    directory: Path, partition: int, first_seq: int, base_ms: int, chain: bytes, *, name: str | None = None
) -> DataFile:
    """Make an empty data file that goes on from `chain`, safely on disk, not yet in the catalogue."""
    name = name or f"events-{partition}-{first_seq:012}.db"
    path = directory / name
    for suffix in (
        "",
        "-wal",
        "-shm",
    ):  # left by a crash before the catalogue knew it; nothing was stored in it
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    connection = connect_writer(path, DATA, cache_kib=256, synchronous="FULL")
    connection.execute(
        "INSERT INTO state VALUES(1, ?, ?, ?, ?, 0, NULL, NULL, NULL, NULL, ?, ?, ?)",
        (partition, first_seq, base_ms, first_seq - 1, CURRENT, chain, chain),
    )
    connection.close()
    sync(path)
    sync(directory)
    return DataFile(partition, first_seq, name, "open", base_ms)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class OpenFile:
    """Takes batches, one transaction each."""

    def __init__(self, directory: Path, file: DataFile) -> None:
        self.file = file
        self._connection = connect_writer(directory / file.name, "", cache_kib=_CACHE_KIB, synchronous="FULL")
        self._connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        self.load()

    def load(self) -> None:
        """Learn the state; also after an error, when what is in memory may be ahead of the disk.

        On the same connection: a full disk may have no room to open the file again.
        """
        row = self._connection.execute(
            "SELECT last_seq, events, min_recorded, chain, dictionary FROM state"
        ).fetchone()
        self.last_seq: int = row[0]
        self.events: int = row[1]
        self.min_recorded: int | None = row[2]
        self.chain: bytes = row[3]
        self._pack: Callable[[bytes], bytes] = packer(row[4])
        self._names = Names(self._connection)

    @property
    def records(self) -> int:
        """Seqs that the file covers, repeats included."""
        return self.last_seq - self.file.first_seq + 1

    def batch(self, keep_ms: int | None) -> Batch:
        """An empty batch for this file; write it before making the next."""
        return Batch(self.file, self._names, self._pack, keep_ms, self.chain)

    def write(self, batch: Batch) -> None:
        """Store the batch in one durable transaction. Raises `sqlite3.Error`; nothing is stored then."""
        connection = self._connection
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            self._names.save(connection)
            batch.events.sort()
            connection.executemany(_EVENTS, batch.events)
            connection.executemany("INSERT INTO bodies VALUES(?, ?, ?)", batch.bodies)
            connection.executemany("INSERT INTO repeats(seq, original) VALUES(?, ?)", batch.repeats)
            if batch.erased:
                self._leave_digests(batch)
            batch.terms.sort()  # the index takes ascending keys several times faster
            connection.executemany(
                "INSERT INTO terms(rowid, text, subject, keys) VALUES(?, ?, ?, ?)", batch.terms
            )
            add_up(connection, batch.rollup)
            connection.execute(_STATE, self._state(batch))
        self.last_seq, self.chain = batch.last_seq, batch.chain
        self.events += len(batch.events)
        if batch.recorded:
            self.min_recorded = min(self.min_recorded or batch.recorded[0], *batch.recorded)

    def _leave_digests(self, batch: Batch) -> None:
        connection = self._connection
        connection.execute(ERASURES)
        connection.executemany("INSERT INTO erased VALUES(?, ?)", [row[:2] for row in batch.erased])
        connection.executemany(
            "INSERT INTO erasures VALUES(?, ?)", [(row[0], row[2]) for row in batch.erased]
        )

    def copies(self, copies: Sequence[tuple[bytes, int]]) -> None:
        """Give repeats their copies `(copy, seq)` back, in a file that is rewritten."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany("UPDATE repeats SET copy = ? WHERE seq = ?", copies)

    @staticmethod
    def _state(batch: Batch) -> tuple[object, ...]:
        lows_and_highs: tuple[object, ...] = (None,) * 8
        if batch.events:
            low, high = min(batch.times), max(batch.times)
            first, last = min(batch.recorded), max(batch.recorded)
            lows_and_highs = (low, low, high, high, first, first, last, last)
        return (batch.last_seq, batch.chain, len(batch.events), *lows_and_highs)

    def sealed(self) -> DataFile:
        """The file's description once nothing more is added."""
        row = self._connection.execute(f"SELECT {', '.join(_SEALED)} FROM state").fetchone()
        return replace(self.file, status="sealed", **dict(zip(_SEALED, row, strict=True)))

    @property
    def compacted(self) -> bool:
        """Whether `compact` was done."""
        return bool(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def compact(self) -> None:
        """Merge the index into one segment and give back free pages: a sealed file is searched for years."""
        self._connection.execute("INSERT INTO terms(terms) VALUES('optimize')")
        self._connection.executescript("PRAGMA incremental_vacuum")  # execute() would free one page only
        self._connection.execute("PRAGMA user_version=1")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._connection.close()
