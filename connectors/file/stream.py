"""Write lines to what is no regular file: standard output, a named pipe, a device. Blocking calls."""

import os
import select
import stat
from pathlib import Path

__all__ = ["STDOUT", "Stream", "is_stream"]

STDOUT = "-"
_STDOUT_FD = 1


def is_stream(path: str) -> bool:
    """Whether the path names something without a size that grows: no fsync, no rotation, no cutting."""
    if path == STDOUT:
        return True
    try:
        mode = Path(path).expanduser().stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


class Stream:
    """Lines go out in order; after trouble in the middle of one the next begins on a line of its own."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = _STDOUT_FD if path == STDOUT else None
        self._torn = False

    def append(self, lines: bytes) -> None:
        """Write it all. Raises `OSError`; part of it may have gone out by then."""
        data = b"\n" + lines if self._torn else lines
        view = memoryview(data)
        try:
            fd = self._open()
            while view:
                view = view[_write(fd, view) :]
        finally:
            written = len(data) - len(view)
            if written:
                self._torn = data[written - 1 : written] != b"\n"

    def close(self) -> None:
        """Let go of it; standard output stays open."""
        fd, self._fd = self._fd, None
        if fd is not None and self._path != STDOUT:
            os.close(fd)

    def _open(self) -> int:
        if self._fd is None:
            # Without O_NONBLOCK the opening of a pipe waits for a reader; with it, ENXIO says there is none.
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
            self._fd = os.open(Path(self._path).expanduser(), flags)
        return self._fd


def _write(fd: int, view: memoryview) -> int:
    try:
        return os.write(fd, view)
    except BlockingIOError:
        select.select([], [fd], [])
        return 0
