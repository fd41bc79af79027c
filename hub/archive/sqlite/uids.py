"""The index event id -> place over all data files: derived from them, never trusted beyond them.

New ids stay in memory until a few thousand are there and are then written in one transaction; the index notes
up to which seq it goes, and after a crash the rest is read again from the data files.
"""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hub.archive.sqlite.schema import UIDS, connect_writer, place_of

__all__ = ["FLUSH_AT", "NAME", "Uids"]

NAME = "uids.db"
FLUSH_AT = 16_384
_CHUNK = 500


class Uids:
    """The writer's side; used under the writer's lock, except `pending_place`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pending: dict[bytes, int] = {}
        self._reached: dict[int, int] = {}
        self._connection = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return connect_writer(self._path, UIDS, cache_kib=16_384, synchronous="NORMAL")
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            self._discard()
            return connect_writer(self._path, UIDS, cache_kib=16_384, synchronous="NORMAL")

    def _discard(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def rebuild(self) -> None:
        """Begin anew: it goes further than the data files, which were restored from a backup."""
        self._connection.close()
        self._discard()
        self._connection = self._open()
        self._pending.clear()
        self._reached.clear()

    def reached(self, partition: int) -> int:
        """The seq up to which the partition's ids are in."""
        row = self._connection.execute(
            "SELECT seq FROM progress WHERE partition = ?", (partition,)
        ).fetchone()
        return max(self._reached.get(partition, 0), row[0] if row else 0)

    def lookup(self, uids: Sequence[bytes]) -> dict[bytes, int]:
        """Places of those ids that are known."""
        known: dict[bytes, int] = {}
        for start in range(0, len(uids), _CHUNK):
            chunk = uids[start : start + _CHUNK]
            marks = ",".join("?" * len(chunk))
            known.update(
                self._connection.execute(f"SELECT uid, place FROM uids WHERE uid IN ({marks})", chunk)
            )
        known.update((uid, place) for uid in uids if (place := self._pending.get(uid)) is not None)
        return known

    def pending_place(self, uid: bytes) -> int | None:
        """Place of an id that is not written yet; any thread may ask."""
        return self._pending.get(uid)

    def add(self, partition: int, places: Mapping[bytes, int], last_seq: int) -> None:
        """Note new ids, and that the partition is in up to `last_seq`."""
        self._pending.update(places)
        self._reached[partition] = last_seq

    def flush(self, *, at: int = 1) -> None:
        """Write what is pending when there are at least `at`; raises `sqlite3.Error` and keeps it then."""
        if len(self._pending) < at:
            return
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "INSERT INTO uids VALUES(?, ?) ON CONFLICT(uid) DO UPDATE SET place = excluded.place",
                sorted(self._pending.items()),
            )
            self._connection.executemany(
                "INSERT OR REPLACE INTO progress VALUES(?, ?)", self._reached.items()
            )
        self._pending = {}

    def remove(self, uids: Iterable[bytes], partition: int, first_seq: int, last_seq: int) -> None:
        """Forget ids of a dropped file, unless they came again since."""
        lowest, highest = place_of(partition, first_seq), place_of(partition, last_seq)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(
                "DELETE FROM uids WHERE uid = ? AND place BETWEEN ? AND ?",
                ((uid, lowest, highest) for uid in sorted(uids)),
            )

    def close(self) -> None:
        """Write what is pending, if it can be written; what is not is read again at the next start."""
        try:
            self.flush()
        except sqlite3.Error:
            self._pending.clear()
        self._connection.close()
