"""The archive as it was at one instant, copied at leisure while its writer goes on.

Nothing has to be cut out of a copy: a read transaction on each file that still grows holds that instant.
The id index is left out; whoever opens the copy derives it from the data files.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.schema import connect_reader

__all__ = ["CATALOGUE_NAME", "ArchiveSnapshot", "copy_database"]

CATALOGUE_NAME = "catalogue.db"


class ArchiveSnapshot:
    """Made in an instant at which nobody appends; from then until `close`, nothing may be taken out of the
    archive either (retention, erasure), since sealed files are copied as they are found.

    Raises `ArchiveError` from every verb. Used by one thread at a time.
    """

    def __init__(self, directory: Path, work: Path) -> None:
        """`work` is an empty folder of the caller's, for the copies."""
        self.directory = directory
        self._work = work
        self._held: dict[str, sqlite3.Connection] = {}
        self.offsets: dict[int, int] = {}
        """Partition -> highest seq inside."""
        self.events = 0
        with translated(directory, "read the archive in"):
            try:
                self._files = self._hold()
            except BaseException:
                self.close()
                raise

    def _hold(self) -> tuple[DataFile, ...]:
        with closing(connect_reader(self.directory / CATALOGUE_NAME)) as source:
            copy_database(source, self._work / CATALOGUE_NAME)
        with closing(Catalogue(self._work, read_only=True)) as catalogue:
            files = catalogue.files()
        for file in files:
            last_seq, events = (file.last_seq, file.events) if file.sealed else self._begin(file)
            self.offsets[file.partition] = max(self.offsets.get(file.partition, 0), last_seq or 0)
            self.events += events or 0
        return files

    def _begin(self, file: DataFile) -> tuple[int, int]:
        """Hold a file that grows at what it has now."""
        connection = self._held[file.name] = connect_reader(self.directory / file.name)
        connection.execute("BEGIN")
        last_seq, events = connection.execute("SELECT last_seq, events FROM state").fetchone()
        return last_seq, events

    @property
    def names(self) -> list[str]:
        """Every file to copy, those first that hold the writer's log back."""
        sealed = [file.name for file in self._files if file.name not in self._held]
        return [*self._held, *sealed, CATALOGUE_NAME]

    def size(self, name: str) -> int:
        """At most so many bytes will its copy have."""
        paths = (Path(f"{self.directory / name}{suffix}") for suffix in ("", "-wal"))
        return sum(path.stat().st_size for path in paths if path.exists())

    def copy(self, name: str) -> Path:
        """Copy one file of `names` into the work folder; the caller removes it."""
        target = self._work / name
        if name == CATALOGUE_NAME:
            return target
        with translated(self.directory / name, "copy"):
            source = self._held.pop(name, None) or connect_reader(self.directory / name)
            with closing(source):
                copy_database(source, target)
        return target

    def close(self) -> None:
        for connection in self._held.values():
            connection.close()
        self._held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def copy_database(source: sqlite3.Connection, target: Path) -> None:
    """The database as the source's transaction sees it (online backup API), as one file without a log.

    Raises `sqlite3.Error`.
    """
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")  # a copy that breaks off is thrown away
        copy.execute("PRAGMA synchronous=OFF")
        source.backup(copy)
