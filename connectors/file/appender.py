"""Append whole lines to a file that may rotate, be moved away, or have a second writer. Blocking calls."""

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Appender", "Rotation"]

_MODE = 0o640
"""Mail metadata is not for everybody; the group may read, so that a log shipper can."""
_BLOCK = 64 * 1024
_TRIES = 100
_sync = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True, slots=True)
class Rotation:
    """When a new file is begun. Finished files are PATH.1 (the newest) to PATH.<keep>."""

    most_bytes: int | None
    hours: float | None
    keep: int

    def due(self, size: int, written_s: float, now_s: float, more: int) -> bool:
        """Whether a file of `size` bytes, last written at `written_s`, ends before `more` bytes come."""
        if not size:
            return False
        if self.most_bytes is not None and size + more > self.most_bytes:
            return True
        if self.hours is None:
            return False
        period_s = self.hours * 3600
        return now_s // period_s > written_s // period_s

    def shift(self, path: Path) -> None:
        """Move PATH to PATH.1, and each finished file one number up; the oldest goes."""
        for number in range(self.keep - 1, 0, -1):
            with suppress(FileNotFoundError):
                _numbered(path, number).replace(_numbered(path, number + 1))
        path.replace(_numbered(path, 1))


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")


class Appender:
    """One file. A lock on it is held during each `append` only, so that two workers can take turns."""

    def __init__(self, path: Path, rotation: Rotation, *, fsync: bool) -> None:
        self._path = path
        self._rotation = rotation
        self._fsync = fsync
        self._fd: int | None = None

    def append(self, lines: bytes) -> None:
        """Add whole lines. Raises `OSError`, and then has left nothing of them in the file."""
        try:
            self._append(lines)
        except OSError:
            self.close()
            raise

    def _append(self, lines: bytes) -> None:
        fd = self._ready(len(lines))
        before = os.fstat(fd).st_size
        try:
            _write_all(fd, lines)
            if self._fsync:
                _sync(fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(fd, before)
            raise
        fcntl.flock(fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file, and of the lock with it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _ready(self, more: int) -> int:
        """The file that PATH names now: open, locked, ending in a whole line, with room. Raises `OSError`."""
        for _ in range(_TRIES):
            fd = self._open()
            fcntl.flock(fd, fcntl.LOCK_EX)
            if self._is_current(fd):
                _mend(fd)
                found = os.fstat(fd)
                if not self._rotation.due(found.st_size, found.st_mtime, time.time(), more):
                    return fd
                self._rotate()
            self.close()
        raise BlockingIOError(f"{self._path} is moved away faster than it can be opened")

    def _open(self) -> int:
        if self._fd is None:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            existed = self._path.exists()
            self._fd = os.open(self._path, flags, _MODE)
            if not existed:
                self._sync_directory()
        return self._fd

    def _is_current(self, fd: int) -> bool:
        """Whether nobody (logrotate, the other worker) has moved the open file away."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(fd))

    def _rotate(self) -> None:
        self._rotation.shift(self._path)
        self._sync_directory()

    def _sync_directory(self) -> None:
        if not self._fsync:
            return
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _mend(fd: int) -> None:
    """Make the file end in a whole line: half an event is cut off, any other half line is ended."""
    size = os.fstat(fd).st_size
    if not size or os.pread(fd, 1, size - 1) == b"\n":
        return
    start = _last_line(fd, size)
    if os.pread(fd, 1, start) == b"{":
        os.ftruncate(fd, start)
    else:
        _write_all(fd, b"\n")


def _last_line(fd: int, size: int) -> int:
    """Where the last line begins."""
    end = size
    while end > 0:
        begin = max(0, end - _BLOCK)
        at = os.pread(fd, end - begin, begin).rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0
