"""Files that the catalogue does not know: empty ones are left by a crash, the others come back into it.

The data files are the truth, so a catalogue that was lost or restored from a backup is made whole from them;
no event is removed because a list lacks its file. Of two files of one range (an erasure that was cut off
between writing the new one and removing the old one) the catalogue decides; without it, the newer one.
"""

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from hub.archive.base import ArchiveError
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.schema import connect_writer

__all__ = ["adopt_files", "remove_file", "rewrites"]

_REWRITTEN = re.compile(r"-r(\d+)\.db$")

_STATE = """SELECT partition, first_seq, base_ms, last_seq, events, min_ms, max_ms, min_recorded,
  max_recorded, chain FROM state"""


def adopt_files(directory: Path, catalogue: Catalogue) -> None:
    """Bring catalogue and directory together.

    Raises `ArchiveError` for an unknown file that cannot be read.
    """
    for unfinished in directory.glob("events-*.db.new*"):
        unfinished.unlink(missing_ok=True)
    known = {file.name for file in catalogue.all_files()}
    paths = [path for path in directory.glob("events-*.db") if path.name not in known]
    found = [_described(path) for path in sorted(paths, key=lambda path: rewrites(path.name), reverse=True)]
    held = _one_each(directory, catalogue.all_files(), [file for file in found if file is not None])
    if held:
        ranges = {(file.partition, file.first_seq) for file in held}
        others = [file for file in catalogue.files() if (file.partition, file.first_seq) not in ranges]
        catalogue.enter(_ordered([*others, *held], directory))


def rewrites(name: str) -> int:
    """How often a file was rewritten, by its name: `events-0-000000000001-r2.db` twice."""
    found = _REWRITTEN.search(name)
    return int(found[1]) if found else 0


def remove_file(directory: Path, name: str) -> None:
    """A data file with what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{directory / name}{suffix}").unlink(missing_ok=True)


def _one_each(directory: Path, known: Iterable[DataFile], found: Iterable[DataFile]) -> list[DataFile]:
    """One file for each range, the others removed; `found` begins with the newest ones."""
    taken = {(file.partition, file.first_seq) for file in known if (directory / file.name).exists()}
    held = []
    for file in found:
        if (file.partition, file.first_seq) in taken:
            remove_file(directory, file.name)
        else:
            taken.add((file.partition, file.first_seq))
            held.append(file)
    return held


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
        remove_file(path.parent, path.name)
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
