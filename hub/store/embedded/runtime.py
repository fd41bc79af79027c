"""A short private folder for unix sockets: a socket path over 107 bytes fails."""

import os
import shutil
import stat
import tempfile
from pathlib import Path

from hub.store.embedded.errors import EmbeddedError

__all__ = ["SOCKET_PATH_LIMIT", "forget_runtime", "open_runtime", "recorded_runtime"]

SOCKET_PATH_LIMIT = 107
"""Bytes; `sun_path` of unix(7) without its final zero."""
LONGEST_NAME = 16
"""Room for a socket's name and a slash."""
NAME = "runtime"


def recorded_runtime(data: Path) -> Path | None:
    """The folder that the data directory names, if it is still there, ours alone and private."""
    try:
        folder = Path((data / NAME).read_text().strip())
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return folder if private and folder.is_absolute() else None


def open_runtime(data: Path) -> Path:
    """The recorded folder, else a new one whose path is recorded in the data directory.

    Raises `EmbeddedError` when no base folder gives a path that is short enough.
    """
    folder = recorded_runtime(data)
    if folder is None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = _make()
        part = data / f"{NAME}.{os.getpid()}.part"  # several processes may start at once
        part.write_text(f"{folder}\n")
        part.rename(data / NAME)
    return folder


def _make() -> Path:
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):  # noqa: S108 mkdtemp makes it private
        if (
            base
            and len(os.fsencode(base)) + LONGEST_NAME * 2 <= SOCKET_PATH_LIMIT
            and os.access(base, os.W_OK)
        ):
            return Path(tempfile.mkdtemp(prefix="mxhub-", dir=base))
    raise EmbeddedError("no folder for sockets: set TMPDIR to a writable folder with a short path")


def forget_runtime(data: Path) -> None:
    """Remove the folder and its record, after a clean stop."""
    folder = recorded_runtime(data)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    (data / NAME).unlink(missing_ok=True)
