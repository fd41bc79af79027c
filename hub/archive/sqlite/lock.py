"""One writer per archive directory: an advisory lock that dies with its process."""

import fcntl
import os
from pathlib import Path

from hub.archive.base import ArchiveInUse

__all__ = ["DirectoryLock"]

_NAME = "LOCK"


class DirectoryLock:
    """Holds `LOCK` in the directory from construction to `release`.

    Raises `ArchiveInUse` naming the directory and the holder's process id when another process has it, and
    `OSError` when the file cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._fd = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise ArchiveInUse(
                f"the archive {directory} is in use by process {holder}: "
                "stop it, choose another data directory, or open this one read-only"
            ) from None
        os.truncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next writer in. A second call does nothing."""
        descriptor, self._fd = self._fd, -1
        if descriptor >= 0:
            os.close(descriptor)
