"""The end of the append-only file after a power cut.

A torn last command is the server's own business (`aof-load-truncated yes`). Zeros at the end are not: a file
system leaves them where a file's length was made durable before its blocks, and the server refuses them.
What they replaced was never acknowledged, since an acknowledgement waits for the fsync of all before it.
"""

import mmap
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.store.embedded.errors import DamagedLog

__all__ = ["Scan", "diagnose", "last_incremental", "mend", "scan"]

FOLDER = "appendonlydir"
MANIFEST = "appendonly.aof.manifest"
NUMBER = re.compile(rb"(\d{1,18})\r\n")
LINE_LIMIT = 64
"""Longest header line that a server writes, with room; `#TS:` annotations included."""
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Scan:
    """How far a file reads as whole commands (RESP arrays of bulk strings)."""

    good_end: int
    """Offset after the last whole command."""
    fault: int | None
    """Offset of the first byte that cannot stand there; `None` when the file ends whole or in a command."""


class _TornError(Exception):
    """The file ends inside a command."""


class _BrokenError(Exception):
    """A byte stands where it cannot."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


Bytes = bytes | mmap.mmap


def scan(content: Bytes) -> Scan:
    """Read commands from the beginning until the end or the first fault."""
    at = 0
    try:
        while at < len(content):
            at = _after_command(content, at)
    except _TornError:
        return Scan(at, None)
    except _BrokenError as broken:
        return Scan(at, broken.at)
    return Scan(at, None)


def _after_command(content: Bytes, at: int) -> int:
    if content[at : at + 1] == b"#":
        end = content.find(b"\n", at, at + LINE_LIMIT)
        if end < 0:
            _refuse_line(content, at)
        return end + 1
    count, at = _number(content, at, b"*")
    for _ in range(count):
        length, at = _number(content, at, b"$")
        at += length
        _expect(content, at, b"\r\n")
        at += 2
    return at


def _number(content: Bytes, at: int, marker: bytes) -> tuple[int, int]:
    _expect(content, at, marker)
    found = NUMBER.match(content, at + 1)
    if not found:
        _refuse_number(content, at + 1)
        raise _TornError
    return int(found[1]), found.end()


def _expect(content: Bytes, at: int, wanted: bytes) -> None:
    for offset, byte in enumerate(wanted, at):
        if offset >= len(content):
            raise _TornError
        if content[offset] != byte:
            raise _BrokenError(offset)


def _refuse_number(content: Bytes, at: int) -> None:
    for offset in range(at, min(at + LINE_LIMIT, len(content))):
        if content[offset : offset + 1] not in b"0123456789\r":
            raise _BrokenError(offset)
    if at + LINE_LIMIT <= len(content):
        raise _BrokenError(at)


def _refuse_line(content: Bytes, at: int) -> None:
    if at + LINE_LIMIT > len(content):
        zero = content.find(b"\0", at)
        if zero < 0:
            raise _TornError
        raise _BrokenError(zero)
    raise _BrokenError(at)


def last_incremental(server_folder: Path) -> Path | None:
    """The file that the server appends to, by its manifest; `None` before the first start."""
    folder = server_folder / FOLDER
    try:
        lines = (folder / MANIFEST).read_text().splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    entries = [_entry(line) for line in lines]
    names = [entry["file"] for entry in entries if entry.get("type") == "i" and "file" in entry]
    return folder / names[-1] if names and "/" not in names[-1] else None


def _entry(line: str) -> dict[str, str]:
    """`file NAME seq N type i` as a mapping."""
    words = line.split()
    return dict(zip(words[::2], words[1::2], strict=False))


def mend(server_folder: Path, *, now_s: float | None = None) -> str | None:
    """Cut a zero-filled end of the last incremental file, after a copy of the whole file into `saved/`.

    Returns a sentence about what was cut, `None` when nothing had to be. A command that breaks off into the
    zeros goes with them. Raises `DamagedLog` when anything else follows.
    """
    path = last_incremental(server_folder)
    if path is None or not _ends_with_zero(path):
        return None
    with _mapped(path) as content:
        found, size = scan(content), len(content)
        if found.fault is None:
            return None
        if not _only_zeros(content, found.fault):
            raise DamagedLog(_advice(path, found, size))
    saved = _save(path, server_folder / "saved", time.time() if now_s is None else now_s)
    with path.open("r+b") as file:
        file.truncate(found.good_end)
        os.fsync(file.fileno())
    cut = size - found.good_end
    return f"{cut} bytes of a zero-filled end were cut from {path}; the whole file is kept as {saved}"


def diagnose(server_folder: Path) -> str | None:
    """Where the last file stops making sense and what to do; `None` when it reads to its end."""
    path = last_incremental(server_folder)
    if path is None or not path.exists() or not path.stat().st_size:
        return None
    with _mapped(path) as content:
        found = scan(content)
        return None if found.fault is None else _advice(path, found, len(content))


def _advice(path: Path, found: Scan, size: int) -> str:
    return (
        f"{path} is damaged at byte {found.fault} of {size}: no command stands there, and not only"
        f" zeros follow. Restore the data directory from a copy; or keep what stands before, lose the rest:"
        f" copy the file, then run truncate -s {found.good_end} {path}, and start again"
    )


class _mapped:  # noqa: N801 used like a function
    """The file's bytes, mapped for reading."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def __enter__(self) -> mmap.mmap:
        return self._map

    def __exit__(self, *_: object) -> None:
        self._map.close()
        self._file.close()


def _ends_with_zero(path: Path) -> bool:
    """A whole file ends with a line feed, so that this look is enough in all ordinary starts."""
    try:
        with path.open("rb") as file:
            if file.seek(0, os.SEEK_END) == 0:
                return False
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\0"
    except FileNotFoundError:
        return False


def _only_zeros(content: Bytes, start: int) -> bool:
    return all(not any(piece) for piece in _pieces(content, start))


def _pieces(content: Bytes, start: int) -> Iterator[bytes]:
    for at in range(start, len(content), CHUNK):
        yield content[at : at + CHUNK].strip(b"\0")


def _save(path: Path, folder: Path, now_s: float) -> Path:
    """Raises `DamagedLog` when there is no room for the copy."""
    folder.mkdir(mode=0o700, exist_ok=True)
    saved = folder / f"{path.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now_s))}"
    try:
        shutil.copyfile(path, saved)
        with saved.open("rb") as file:
            os.fsync(file.fileno())
    except OSError as error:
        saved.unlink(missing_ok=True)
        raise DamagedLog(f"{path} ends in zeros and must be copied before they are cut: {error}") from error
    return saved
