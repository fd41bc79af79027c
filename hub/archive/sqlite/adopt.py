"""Files that the catalogue does not know: empty ones are left by a crash, the others come back into it.

The data files are the truth, so a catalogue that was lost or restored from a backup is made whole from them;
no event is removed because a list lacks its file.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hub.archive.base import ArchiveError
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.schema import connect_writer

__all__ = ["adopt_files"]

_STATE = """SELECT partition, first_seq, base_ms, last_seq, events, min_ms, max_ms, min_recorded,
  max_recorded, chain FROM state"""


def adopt_files(directory: Path, catalogue: Catalogue) -> None:
    """Bring catalogue and directory together.

    Raises `ArchiveError` for an unknown file that cannot be read.
    """
    known = {file.name for file in catalogue.all_files()}
    found = [_described(path) for path in sorted(directory.glob("events-*.db")) if path.name not in known]
    held = [file for file in found if file is not None]
    if held:
        catalogue.enter(_ordered([*catalogue.files(), *held], directory))


def _described(path: Path) -> DataFile | None:
    """What the file says of itself; `None` when it was empty and is gone now."""
    try:
        with closing(connect_writer(path, "", cache_kib=256, synchronous="FULL")) as connection:
            row = connection.execute(_STATE).fetchone() if _has_tables(connection) else None
    except sqlite3.Error as error:
        raise ArchiveError(
            f"{path} is not in the archive's catalogue and cannot be read ({error}): move it away"
        ) from error
    if row is None or row[3] < row[1]:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        return None
    partition, first_seq, base_ms, *ranges = row
    return DataFile(partition, first_seq, path.name, "sealed", base_ms, *ranges)


def _has_tables(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'state'").fetchone()[0])


def _ordered(files: Iterable[DataFile], directory: Path) -> list[DataFile]:
    """Each partition's last file open, all before it sealed with their ranges."""
    found: list[DataFile] = []
    in_order = sorted(files, key=lambda file: (file.partition, file.first_seq))
    for _, group in groupby(in_order, key=lambda file: file.partition):
        *before, last = group
        found += [file if file.sealed else (_described(directory / file.name) or file) for file in before]
        found.append(replace(last, status="open", last_seq=None))
    return found
