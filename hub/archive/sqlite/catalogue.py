"""Which data files there are, which range each holds, and what retention took away.

Written only when a file begins, is sealed or is dropped; the file being written tells its own range
(`state`).
"""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hub.archive.base import ArchiveError
from hub.archive.sqlite.schema import (
    CATALOGUE,
    ERASURE_RECORDS,
    SEQ_BITS,
    STATE_VERSION,
    connect_reader,
    connect_writer,
)

__all__ = ["MIGRATIONS", "Catalogue", "DataFile", "Gap"]

MIGRATIONS: dict[int, Callable[[sqlite3.Connection], None]] = {}
"""State version -> what brings the catalogue (and the files it names) from there to the next."""

_FIELDS = ("partition", "first_seq", "name", "status", "base_ms", "last_seq", "events", "min_ms", "max_ms")
_COLUMNS = ", ".join((*_FIELDS, "min_recorded", "max_recorded", "chain"))


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file. The ranges of an open one (`last_seq` is `None`) are in its own `state`."""

    partition: int
    first_seq: int
    name: str
    status: str
    """`open`, `sealed` or `dropping`."""
    base_ms: int
    """Keys count event time from here."""
    last_seq: int | None = None
    events: int | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    min_recorded: int | None = None
    max_recorded: int | None = None
    chain: bytes | None = None

    @property
    def sealed(self) -> bool:
        return self.status == "sealed"

    def key(self, time_ms: int, seq: int) -> int:
        """A row's key: newest first is its descending order, in every table and in the index."""
        return (time_ms - self.base_ms << SEQ_BITS) + (seq - self.first_seq)

    def seq(self, key: int) -> int:
        """Seq of a key."""
        return (key & (1 << SEQ_BITS) - 1) + self.first_seq

    def time_ms(self, key: int) -> int:
        """Clamped event time of a key."""
        return (key >> SEQ_BITS) + self.base_ms

    @property
    def seq_sql(self) -> str:
        """Seq of an event `e`, in SQL."""
        return f"((e.key & {(1 << SEQ_BITS) - 1}) + {self.first_seq})"

    @property
    def by_seq(self) -> str:
        """Bodies `b` with their events `e`, in SQL after FROM."""
        key = f"(b.since_base_ms << {SEQ_BITS}) + b.seq - {self.first_seq}"
        return f"bodies b CROSS JOIN events e ON e.key = {key}"

    @property
    def newest_ms(self) -> int:
        """The later of the newest event time and the newest recorded time; 0 when it holds no event."""
        return max(self.max_ms or 0, self.max_recorded or 0)


@dataclass(frozen=True, slots=True)
class Gap:
    """A dropped file's range."""

    partition: int
    from_seq: int
    to_seq: int
    reason: str
    events: int
    min_ms: int | None
    max_ms: int | None
    min_recorded: int | None
    max_recorded: int | None
    chain: bytes | None
    dropped_ms: int


class Catalogue:
    """`catalogue.db` of a directory. Raises `ArchiveError` when a newer version of the program wrote it."""

    def __init__(self, directory: Path, *, read_only: bool) -> None:
        self.path = directory / "catalogue.db"
        self._lock = Lock()
        if read_only:
            self._connection = connect_reader(self.path, cache_kib=256)
        else:
            self._connection = connect_writer(self.path, CATALOGUE, cache_kib=256, synchronous="FULL")
            self._connection.execute(ERASURE_RECORDS)
        self._read_only = read_only
        self._check_version()
        self._seen_version = -1
        self._files: tuple[DataFile, ...] = ()

    def _check_version(self) -> None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        version: int = row[0] if row else STATE_VERSION
        if version > STATE_VERSION:
            raise ArchiveError(
                f"{self.path.parent} was written by a newer mxhub (archive state {version}, this one knows "
                f"{STATE_VERSION}): run that version, or restore a backup made before the upgrade"
            )
        if version < STATE_VERSION and self._read_only:
            raise ArchiveError(
                f"{self.path.parent} has the older state {version}: start mxhub once to migrate it"
            )
        if not self._read_only:
            self._migrate(version)

    def _migrate(self, version: int) -> None:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for step in range(version, STATE_VERSION):
                MIGRATIONS[step](self._connection)
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES('version', ?)", (STATE_VERSION,))

    def files(self) -> tuple[DataFile, ...]:
        """Files that hold what can be read, by partition and seq; read again only when a writer changed
        something.
        """
        return tuple(file for file in self.all_files() if file.status != "dropping")

    def all_files(self) -> tuple[DataFile, ...]:
        """Also those that are being dropped."""
        with self._lock:
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._seen_version:
                rows = self._connection.execute(f"SELECT {_COLUMNS} FROM files ORDER BY partition, first_seq")
                self._files = tuple(DataFile(*row) for row in rows)
                self._seen_version = version
            return self._files

    def _change(self, *statements: tuple[str, Sequence[object]]) -> None:
        with self._lock, self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            for sql, values in statements:
                self._connection.execute(sql, values)
            self._seen_version = -1

    def begin(self, file: DataFile, sealed: DataFile | None) -> None:
        """`file` is the partition's open one from now on; `sealed` is the one before it, with its ranges."""
        seal = [] if sealed is None else [self._put(sealed)]
        self._change(*seal, self._put(file))

    def enter(self, files: Sequence[DataFile]) -> None:
        """Files as the directory has them, in place of what is known of them."""
        self._change(*map(self._put, files))

    def _put(self, file: DataFile) -> tuple[str, Sequence[object]]:
        values = [getattr(file, name) for name in _COLUMNS.split(", ")]
        return f"INSERT OR REPLACE INTO files({_COLUMNS}) VALUES({', '.join('?' * len(values))})", values

    def drop(self, file: DataFile, gap: Gap) -> None:
        """From now on nobody reads `file`; what is left of it on disk goes next, also after a crash."""
        values = [getattr(gap, name) for name in Gap.__slots__]
        self._change(
            ("UPDATE files SET status = 'dropping' WHERE partition = ? AND first_seq = ?",
             (file.partition, file.first_seq)),
            (f"INSERT OR REPLACE INTO gaps VALUES({', '.join('?' * len(values))})", values),
        )  # fmt: skip

    def forget(self, file: DataFile) -> None:
        """The file is off the disk."""
        self._change(
            ("DELETE FROM files WHERE partition = ? AND first_seq = ?", (file.partition, file.first_seq))
        )

    def gaps(self) -> list[Gap]:
        """All dropped ranges by partition and seq."""
        with self._lock:
            return [
                Gap(*row)
                for row in self._connection.execute("SELECT * FROM gaps ORDER BY partition, from_seq")
            ]

    def add_erasure(self, number: int, record: bytes) -> None:
        """Keep a record; nothing when there is one with this number."""
        self._change(("INSERT OR IGNORE INTO erasures VALUES(?, ?)", (number, record)))

    def erasures(self) -> list[bytes]:
        """All records, oldest first."""
        with self._lock:
            if not self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasures'").fetchone():
                return []  # read-only, and no writer of this version has been here
            return [row[0] for row in self._connection.execute("SELECT record FROM erasures ORDER BY id")]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
