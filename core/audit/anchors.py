"""Where each chain stood, minute by minute, in files outside the database.

A line is `SEAL JSON`: tenant, number and hash of an entry, and the seal of the line before it; the seal is an
HMAC over the JSON. A file that has grown large is followed by the next, which begins with where every chain
stands; the two newest are kept, for the newest anchor of a chain covers everything before it.
"""

import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.audit.keys import derive

__all__ = ["Anchor", "Anchors", "Flaw", "Found"]

MAX_BYTES = 4 * 1024 * 1024
_KEPT = 2
_FILE = re.compile(r"anchors-(\d{8})\.ndjson")
_SEAL_CHARS = 64


class Anchor(NamedTuple):
    """Entry `seq` of a tenant's chain had this hash."""

    tenant: str
    seq: int
    hash: str
    at_ms: int


class Flaw(NamedTuple):
    """A place in the files that is not as it was written."""

    file: str
    line: int
    what: str


class _Line(msgspec.Struct, frozen=True):
    n: int
    """Counts all lines of all files from 1."""
    p: str
    """The seal of the line before."""
    t: str
    s: int
    h: str
    at: int


@dataclass(slots=True)
class Found:
    """What the files hold. `anchors` are per tenant, number to hash."""

    anchors: dict[str, dict[int, str]] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    lines: int = 0
    """The number of the last line."""
    last: str = ""
    """Its seal."""
    seals: dict[int, str] = field(default_factory=dict)
    """Of all lines that are kept, by number."""

    def newest(self) -> dict[str, Anchor]:
        """The last anchor of each tenant."""
        newest = {tenant: max(known) for tenant, known in self.anchors.items()}
        return {name: Anchor(name, seq, self.anchors[name][seq], 0) for name, seq in newest.items()}


class Anchors:
    """The files of one folder. One process writes; its calls block and belong on a thread.

    Args:
        folder: made (0700) when it is missing.
        key: the audit key.

    """

    def __init__(self, folder: Path, key: bytes, *, max_bytes: int = MAX_BYTES) -> None:
        self._folder = folder
        self._key = derive(key, "anchors")
        self._max_bytes = max_bytes
        self._state: Found | None = None
        self._heads: dict[str, Anchor] = {}

    def read(self) -> Found:
        """Everything in the files, verified. A last line without its end was never finished: it is no flaw.

        Raises `OSError`.
        """
        found = Found()
        expected: int | None = None
        for number, path in self._files():
            if expected is not None and number != expected:
                found.flaws.append(Flaw(path.name, 0, f"file {expected} is missing before it"))
            self._read(path, found, first=expected is None and number > 1)
            expected = number + 1
        return found

    def heads(self) -> Mapping[str, Anchor]:
        """Where each chain stood when it was last anchored. Raises `OSError`."""
        self._opened()
        return self._heads

    def write(self, anchors: Iterable[Anchor]) -> tuple[int, str]:
        """Append, on disk when it returns; the number and seal of the last line of all. Raises `OSError`."""
        state = self._opened()
        new = list(anchors)
        if new:
            try:
                self._write(state, new)
            except BaseException:
                self._state = None  # what of it is on disk shows when the files are read again
                raise
        return state.lines, state.last

    def _opened(self) -> Found:
        if self._state is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            state = self.read()
            self._heads = state.newest()
            state.anchors.clear()
            state.seals.clear()
            self._cut()
            self._state = state
        return self._state

    def _write(self, state: Found, new: list[Anchor]) -> None:
        files = list(self._files())
        number = files[-1][0] if files else 1
        for one in new:
            self._heads[one.tenant] = one
        if files and files[-1][1].stat().st_size > self._max_bytes:
            number, new = number + 1, list(self._heads.values())
        path = self._folder / f"anchors-{number:08}.ndjson"
        text = b"".join(self._lines(state, new))
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if not files or number != files[-1][0]:
            self._settle(number)

    def _lines(self, state: Found, new: list[Anchor]) -> Iterator[bytes]:
        for one in new:
            state.lines += 1
            body = msgspec.json.encode(
                _Line(state.lines, state.last, one.tenant, one.seq, one.hash, one.at_ms)
            )
            state.last = self._seal(body)
            yield state.last.encode() + b" " + body + b"\n"

    def _settle(self, newest: int) -> None:
        """A file is new: its name is on disk, and those that it makes needless go."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        for number, path in self._files():
            if number <= newest - _KEPT:
                path.unlink()

    def _cut(self) -> None:
        """Drop a last line that a crash left unfinished: nobody was told that it is there."""
        for _, path in list(self._files())[-1:]:
            raw = path.read_bytes()
            whole = raw.rfind(b"\n") + 1
            if whole != len(raw):
                os.truncate(path, whole)

    def _files(self) -> Iterator[tuple[int, Path]]:
        names = sorted(path.name for path in self._folder.glob("anchors-*.ndjson"))
        numbers = ((_FILE.fullmatch(name), name) for name in names)
        yield from ((int(match[1]), self._folder / name) for match, name in numbers if match)

    def _read(self, path: Path, found: Found, *, first: bool) -> None:
        with path.open("rb") as file:
            for at, raw in enumerate(file, start=1):
                if raw.endswith(b"\n"):
                    self._take(raw, found, Flaw(path.name, at, ""), first=first and at == 1)

    def _take(self, raw: bytes, found: Found, place: Flaw, *, first: bool) -> None:
        """One line. Before the first of all that are kept there were others, which nobody needs any more."""
        seal, body = raw[:_SEAL_CHARS], raw[_SEAL_CHARS + 1 : -1]
        line = _decoded(body)
        if line is None or not hmac.compare_digest(seal, self._seal(body).encode()):
            found.flaws.append(place._replace(what="a line was edited"))
            found.last, found.lines = seal.decode("ascii", "replace"), found.lines + 1
            return
        if line.p != found.last and not (first and line.n > 1):
            found.flaws.append(
                place._replace(what=f"lines were removed or moved before line number {line.n}")
            )
        found.anchors.setdefault(line.t, {})[line.s] = line.h
        found.last, found.lines = seal.decode(), line.n
        found.seals[line.n] = found.last

    def _seal(self, body: bytes) -> str:
        return hmac.new(self._key, body, sha256).hexdigest()


def _decoded(body: bytes) -> _Line | None:
    try:
        return msgspec.json.decode(body, type=_Line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
