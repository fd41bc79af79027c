"""Who has a directory: an advisory lock (`flock`) on a file in it, which ends with its process."""

import fcntl
import os
from pathlib import Path

__all__ = ["FileLock"]


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

    def claim(self) -> str | None:
        """Take it and write our process id into it; else the id of the process that has it, or `unknown`."""
        if not self.take():
            return self.path.read_text().strip() or "unknown"
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, f"{os.getpid()}\n".encode(), 0)
        return None

    def leave(self) -> None:
        """Close our side; a child that inherited the file goes on holding it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
