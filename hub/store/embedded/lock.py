"""Who holds a data directory: one mxhub, and at most one server."""

import fcntl
import os
from pathlib import Path

from hub.store.embedded.errors import DirectoryInUse

__all__ = ["FileLock", "holders"]


class FileLock:
    """An advisory lock on a file; whoever inherits the open file holds it too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    @property
    def handle(self) -> int:
        """The open file, to hand on to a child.

        Raises `RuntimeError` while it is not held.
        """
        if self._handle is None:
            raise RuntimeError(f"{self.path} is not locked by us")
        return self._handle

    @property
    def held(self) -> bool:
        return self._handle is not None

    def take(self) -> bool:
        """Take it unless somebody has it; True when it is ours now."""
        if self._handle is not None:
            return True
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def take_or_refuse(self) -> None:
        """Take it and write our process id into it.

        Raises `DirectoryInUse` naming the process that has it.
        """
        if not self.take():
            owner = self.path.read_text().strip() or "unknown"
            raise DirectoryInUse(
                f"{self.path.parent} is in use by another mxhub (process {owner}); stop that one,"
                f" or name another data directory with --data"
            )
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, f"{os.getpid()}\n".encode(), 0)

    def leave(self) -> None:
        """Close our side; a child that inherited the file goes on holding it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def holders(path: Path) -> list[int]:
    """Processes of ours, other than this one, that have the file open (by /proc; elsewhere none)."""
    wanted, own = path.resolve(), str(os.getpid())
    others = (entry for entry in Path("/proc").glob("[0-9]*") if entry.name != own)
    return sorted(int(entry.name) for entry in others if _has_open(entry, wanted))


def _has_open(process: Path, wanted: Path) -> bool:
    try:
        return any(each.readlink() == wanted for each in (process / "fd").iterdir())
    except OSError:
        return False
