"""Files that outlive a power cut: written whole or not at all, under names of ours."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["MADE", "BadName", "Folder"]

MADE = ".tmp"
"""Ending of a file that is being written; one that is found at the start is of nobody."""
_on_disk: set[Path] = set()
"""Folders whose own entry this process has synced; some thousand at most."""
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){0,3}")


class BadName(ValueError):
    """The name leads out of the folder, or is none that we gave."""


class Folder:
    """A folder of messages. All calls block: run them on a thread.

    Names are paths below it, such as `node-1/7q/qua_7q....eml`; others raise `BadName`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, name: str, data: bytes) -> None:
        """Write a file; when this returns it is on disk, and so is its name. Raises `OSError`."""
        path = self._path(name)
        self._make(path.parent)
        draft = path.with_name(path.name + MADE)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        _sync(path.parent)

    def get(self, name: str) -> bytes:
        """Raises `FileNotFoundError` and other `OSError`s."""
        return self._path(name).read_bytes()

    def has(self, name: str) -> bool:
        try:
            return self._path(name).is_file()
        except BadName:
            return False

    def drop(self, name: str) -> None:
        """Remove a file; one that is gone already is fine. Raises other `OSError`s."""
        self._path(name).unlink(missing_ok=True)

    def names(self, below: str) -> Iterator[tuple[str, float]]:
        """All files below a folder in this one, drafts too, with the time of their last change (seconds)."""
        for folder, _, files in os.walk(self._path(below)):
            for file in files:
                path = Path(folder) / file
                with suppress(FileNotFoundError):
                    yield path.relative_to(self.root).as_posix(), path.stat().st_mtime

    def _make(self, folder: Path) -> None:
        """Folders are made durable from the top: a file in a folder that is not on disk is lost with it.

        That one is there says nothing: another thread, or a process that was killed, may have made it just
        now. What stands above our root is not ours to write, only to make where it is missing.
        """
        if folder.is_dir() and (folder in _on_disk or not folder.is_relative_to(self.root)):
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync(folder.parent)
        _on_disk.add(folder)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise BadName(f"{name[:80]!r} is no file of ours")
        return self.root / name


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
