"""The core's part of a back-up, or a sandbox's: database, held mail, spool, anchors, key, all of one moment.

A row never misses its file: files are linked before and after the moment of the database, and only those that
its rows name are taken; the row of a message that ended still names one that
is gone. The anchors stand still meanwhile, for they must fit the database to the line.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.audit import keys
from core.audit.anchoring import Anchoring
from core.service.core import Core

__all__ = ["Frozen", "freeze"]

_FOLDERS: Final = ("quarantine", "spool")
_NAMED: Final = {
    "quarantine": "SELECT file FROM quarantine_items WHERE file <> '' AND still_there = 1",
    "spool": "SELECT file FROM messages WHERE file <> ''",
}
_ATTEMPTS: Final = 5
_DUMP: Final = "the core's database is on PostgreSQL: take a pg_dump of it right after this back-up"

CheckRoom = Callable[[int, str], None]
"""`(bytes, what)`: raises where the disk has no room for so much."""


@dataclass(slots=True)
class Frozen:
    """Name below the core's folder -> a copy that nobody changes; and what is not among them, in words."""

    files: dict[str, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


async def freeze(core: Core, anchoring: Anchoring | None, work: Path, check_room: CheckRoom) -> Frozen:
    """Copies below `work`, a new folder; a sandbox's service anchors nothing.

    Raises `OSError`, `sqlite3.Error`, what `check_room` raises.
    """
    path = core.database.path
    frozen = Frozen()
    if path is not None:
        check_room(path.stat().st_size, "a copy of the core's database")
    for attempt in range(1, _ATTEMPTS + 1):
        await core.workers.run(_begin, core.data, work)
        async with anchoring.still() if anchoring else nullcontext():
            held = None if path is None else await core.workers.run(_hold, path)
            try:
                frozen = await core.workers.run(_small, core.data, work)
            except BaseException:
                _let_go(held)
                raise
        try:
            await core.workers.run(_link_all, core.data, work)
            if await core.workers.run(_take, core, held, work, frozen, attempt):
                break
        finally:
            _let_go(held)
    return frozen


def _begin(data: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    _link_all(data, work)


def _let_go(held: sqlite3.Connection | None) -> None:
    if held is not None:
        held.close()


def _take(core: Core, held: sqlite3.Connection | None, work: Path, frozen: Frozen, attempt: int) -> bool:
    """The database and what its rows name; False when a file went meanwhile, and it is worth another try."""
    path = core.database.path
    if held is None or path is None:
        frozen.left_out.append(_DUMP)
        frozen.files |= {name: work / name for folder in _FOLDERS for name in _below(work, folder)}
        return True
    named = dict(_names(held))
    missing = [name for name in named if not (work / name).is_file()]
    if missing and attempt < _ATTEMPTS:
        return False
    frozen.left_out += [f"{core.data.name}/{name}: a row names it, and it is gone" for name in missing]
    frozen.files |= {name: work / name for name in named if name not in missing}
    frozen.files[path.name] = work / path.name
    _copy(held, work / path.name)
    return True


def _names(held: sqlite3.Connection) -> Iterator[tuple[str, None]]:
    for folder, wanted in _NAMED.items():
        yield from ((f"{folder}/{file}", None) for (file,) in held.execute(wanted))


def _hold(path: Path) -> sqlite3.Connection:
    """What the database has now, for as long as the connection stays open."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("BEGIN")
        connection.execute("SELECT COUNT(*) FROM meta").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _copy(held: sqlite3.Connection, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")  # a copy that breaks off is thrown away
        copy.execute("PRAGMA synchronous=OFF")
        held.backup(copy)


def _small(data: Path, work: Path) -> Frozen:
    """Anchors, and the key that they are sealed with where it lies in the folder."""
    frozen = Frozen()
    (work / "anchors").mkdir(mode=0o700)
    found = [*(data / "anchors").glob("anchors-*.ndjson"), data / keys.FILE]
    for path in found:
        name = path.relative_to(data).as_posix()
        if path.is_file():
            frozen.files[name] = Path(shutil.copy2(path, work / name))
        else:
            frozen.left_out.append(
                f"{data.name}/{name}: it is given by the environment; keep it with the back-up"
            )
    return frozen


def _link_all(data: Path, work: Path) -> None:
    for folder in _FOLDERS:
        for name in _below(data, folder):
            target = work / name
            if not target.exists():
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _link(data / name, target)


def _link(path: Path, target: Path) -> None:
    """A file that went meanwhile is none of ours."""
    try:
        os.link(path, target)
    except FileNotFoundError:
        return
    except OSError:  # another file system, or one without links
        try:
            shutil.copyfile(path, target)
        except FileNotFoundError:
            target.unlink(missing_ok=True)


def _below(data: Path, folder: str) -> Iterator[str]:
    """Names of whole files: drafts are of nobody."""
    for where, _, files in os.walk(data / folder):
        for file in files:
            if not file.endswith(".tmp"):
                yield (Path(where) / file).relative_to(data).as_posix()
