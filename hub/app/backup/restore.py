"""Restores a back-up into an empty data directory, so that `mxhub run` starts on it unasked.

Everything is written into a folder of its own inside the directory and moved up at the end. A directory where
that was interrupted cannot be started (`hub.store.embedded.state`), only restored into again.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from hub.app.backup.manifest import BackupError, Manifest, Versions
from hub.app.backup.tarball import Piece, read_through
from hub.archive.base import ArchiveError
from hub.archive.sqlite import SqliteArchive
from hub.store.embedded.binary import find_binary
from hub.store.embedded.errors import EmbeddedError
from hub.store.embedded.lock import FileLock
from hub.store.embedded.server import FOLDER
from hub.store.embedded.snapshot import base_file, lay_down
from hub.store.embedded.state import RESTORING, State, save_state

__all__ = ["inspect", "restore"]

_LOCK = "mxhub.lock"
_MOUNT = "lost+found"
"""What a fresh ext4 file system holds."""
Progress = Callable[[int], None]


def inspect(path: Path, progress: Progress = lambda _: None) -> Manifest:
    """Read all of a back-up and hold every byte against its manifest; nothing is written.

    `progress` is told how many bytes more were read. Raises `BackupError`, `OSError`.
    """
    with path.open("rb") as file:
        return _manifest_of(path, file, progress, lambda _: None)


def _manifest_of(path: Path, file: BinaryIO, progress: Progress, take: Callable[[Piece], None]) -> Manifest:
    try:
        for piece in read_through(file):
            if isinstance(piece, Manifest):
                return piece
            take(piece)
            progress(len(piece.data))
    except BackupError as error:
        raise BackupError(f"{path}: {error}") from error
    raise BackupError(f"{path}: it has no manifest")


def restore(path: Path, data: Path, progress: Progress = lambda _: None) -> Manifest:
    """Check the whole file, then restore it. `progress` is told of every byte twice.

    Raises `BackupError` when the file does not hold, the directory is in use or not empty, or nothing here
    can read what was backed up; `OSError` when the directory cannot be written. The directory is as it was
    then.
    """
    manifest = inspect(path, progress)
    _fits(manifest)
    _check_target(data)
    made = not data.exists()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    work = data / RESTORING
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        _extract(path, work, manifest, progress)
        _finish(work / manifest.folder, manifest)
        _sync(work)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        if made:
            data.rmdir()
        raise
    for entry in sorted(work.iterdir()):
        entry.rename(data / entry.name)
    work.rmdir()
    _sync_folder(data)
    return manifest


def _fits(manifest: Manifest) -> None:
    """Raises `BackupError` unless this mxhub and its server can go on from there."""
    known = Versions()
    for what in ("directory", "log", "archive"):
        found, newest = getattr(manifest.state, what), getattr(known, what)
        if found > newest:
            raise BackupError(
                f"the back-up is of mxhub {manifest.mxhub}: the state of its {what} has version {found}, this"
                f" mxhub knows up to {newest}; restore it with that release or a newer one"
            )
    if manifest.folder not in {"", "demo"}:
        raise BackupError(f"the back-up names the folder {manifest.folder!r}: mxhub did not write it")
    try:
        binary = find_binary()
    except EmbeddedError as error:
        raise BackupError(str(error)) from error
    if not binary.reads(manifest.server, manifest.server_version):
        raise BackupError(
            f"the back-up was saved by {manifest.server} {manifest.server_version}, and {binary.name}"
            f" {binary.version} ({binary.path}) cannot load that; install {manifest.server}"
            f" {manifest.server_version} or newer"
        )


def _check_target(data: Path) -> None:
    """Raises `BackupError` unless the directory is new, empty, or an interrupted restore's."""
    if data.exists() and not data.is_dir():
        raise BackupError(f"{data} is a file: name a directory with --data")
    for folder in (data, data / "demo"):
        if (folder / _LOCK).exists():
            lock = FileLock(folder / _LOCK)
            if not lock.take():
                raise BackupError(
                    f"a hub is running on {data}: stop it, or name another directory with --data"
                )
            lock.leave()
    held = sorted(entry.name for entry in data.iterdir()) if data.exists() else []
    held = [name for name in held if name != _MOUNT]
    if held and RESTORING not in held:
        raise BackupError(
            f"{data} is not empty (it holds {', '.join(held[:3])}): name a new or empty directory with"
            " --data, or move that one away"
        )
    for name in held:
        if name != RESTORING:  # a restore that ended while it moved things up
            _remove(data / name)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _extract(path: Path, work: Path, manifest: Manifest, progress: Progress) -> None:
    """Write every member to its place, holding it against its hash once more."""
    base = work / manifest.folder
    base.mkdir(mode=0o700, exist_ok=True)
    open_file: list[BinaryIO] = []

    def take(piece: Piece) -> None:
        if piece.first:
            while open_file:
                open_file.pop().close()
            open_file.append(_create(_place(piece.name, base, work)))
        open_file[-1].write(piece.data)

    try:
        with path.open("rb") as file:
            again = _manifest_of(path, file, progress, take)
    finally:
        while open_file:
            open_file.pop().close()
    if again != manifest:
        raise BackupError(f"{path} was changed while it was restored")


def _place(name: str, base: Path, work: Path) -> Path:
    """Where a member goes; its name has one of the forms that `tarball` lets pass."""
    kind, _, rest = name.partition("/")
    if kind == "log":
        return base_file(base / FOLDER)
    if kind == "config":
        return work / "config" / rest
    return base / rest if kind == "beside" else base / kind / rest


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb")


def _finish(base: Path, manifest: Manifest) -> None:
    """What a data directory has beside the members: how its log begins, its versions, the index of ids."""
    lay_down(base / FOLDER)
    save_state(base, State(manifest.state.directory, manifest.server, manifest.server_version))
    try:
        with closing(SqliteArchive(base / "archive")) as archive:
            archived = archive.offset(0)
    except ArchiveError as error:
        raise BackupError(f"the archive of the back-up cannot be opened: {error}") from error
    if archived != manifest.archived or archived > manifest.seq:
        raise BackupError(
            f"the archive of the back-up ends at event {archived}, its manifest says {manifest.archived}:"
            " take another copy of the back-up"
        )


def _sync(folder: Path) -> None:
    for path in _all_below(folder):
        _sync_folder(path)
    _sync_folder(folder)


def _all_below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if not path.is_symlink())


def _sync_folder(path: Path) -> None:
    """A file or a folder, down to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
