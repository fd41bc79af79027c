"""Who holds a data directory: one mxhub, and at most one server."""

import os
from pathlib import Path

from hub.sdk import file_lock
from hub.store.embedded.errors import DirectoryInUse

__all__ = ["FileLock", "holders"]


class FileLock(file_lock.FileLock):
    """Of a data directory, or of its server, which inherits it."""

    def take_or_refuse(self) -> None:
        """Take it and write our process id into it.

        Raises `DirectoryInUse` naming the process that has it.
        """
        owner = self.claim()
        if owner is not None:
            raise DirectoryInUse(
                f"{self.path.parent} is in use by another mxhub (process {owner}); stop that one,"
                f" or name another data directory with --data"
            )


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
