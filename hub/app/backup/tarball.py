"""The file's form: a plain tar (POSIX ustar with GNU sizes) of regular files, read as if it were hostile.

`tar -xf` opens it, too. Reading is our own: no links, no long names, no sparse files, no byte that is not
accounted for.
"""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import msgspec

from hub.app.backup.manifest import FORMAT, BackupError, Manifest, Member

__all__ = [
    "BLOCK",
    "CHUNK",
    "DIGEST",
    "END",
    "MANIFEST",
    "MOST_MEMBERS",
    "Piece",
    "header",
    "padding",
    "read_through",
]

BLOCK = 512
CHUNK = 1 << 20
END = bytes(2 * BLOCK)
MANIFEST = "manifest.json"
DIGEST = "manifest.sha256"
_SMALL = 256 * CHUNK
MOST_MEMBERS = 1_000_000
_NAME = re.compile(
    r"log/dump\.rdb|archive/catalogue\.db|archive/events-\d{1,4}-\d{12,18}(-r\d{1,6})?\.db"
    r"|config/[A-Za-z0-9_][A-Za-z0-9._-]{0,79}"
    r"|beside/[A-Za-z0-9_][A-Za-z0-9._-]{0,39}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,39})?"
    r"|core/(core\.sqlite3|audit\.key|anchors/anchors-\d{8}\.ndjson)"
    r"|(core|beside/sandbox)/(quarantine|spool)(/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}){1,4}"
    r"|manifest\.json|manifest\.sha256",
    re.ASCII,
)
_CUT = "it ends before its end: it was cut short; take another copy of the back-up"


def header(name: str, size: int, mtime_s: int) -> bytes:
    """The block before a member. Raises `ValueError` for a name that a back-up may not hold."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} may not stand in a back-up")
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, mtime_s, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "ascii", "strict")


def padding(size: int) -> bytes:
    """Zeros up to the next block."""
    return bytes(-size % BLOCK)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a member's content."""

    name: str
    data: bytes
    first: bool


def read_through(file: BinaryIO) -> Iterator[Piece | Manifest]:
    """Every member's content piece by piece, and at last the manifest, which then holds for all of it.

    Raises `BackupError` for anything that is not exactly as `mxhub backup` wrote it. Before the manifest came
    nothing is proven.
    """
    found: dict[str, Member] = {}
    small: dict[str, bytearray] = {MANIFEST: bytearray(), DIGEST: bytearray()}
    while (head := _header(file, found)) is not None:
        name, size = head
        digest, first = sha256(), True
        for data in _content(file, size):
            digest.update(data)
            if name in small:
                small[name] += data
            else:
                yield Piece(name, data, first)
                first = False
        if first and name not in small:
            yield Piece(name, b"", first)
        found[name] = Member(name, size, digest.hexdigest())
    if file.read(1):
        raise BackupError("bytes follow its end: it was damaged; take another copy of the back-up")
    yield _manifest(small, found)


def _header(file: BinaryIO, found: dict[str, Member]) -> tuple[str, int] | None:
    """Name and size of the next member; `None` at the end."""
    block = _exactly(file, BLOCK)
    if block == bytes(BLOCK):
        if _exactly(file, BLOCK) != bytes(BLOCK):
            raise BackupError("its end is damaged; take another copy of the back-up")
        return None
    try:
        info = tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError) as error:
        what = "it is no back-up of mxhub" if not found else f"it is damaged after {list(found)[-1]}"
        raise BackupError(f"{what} ({error}); name another file") from error
    if block[154:156] != b"\0 ":  # the end of the checksum's field, which the checksum does not cover
        raise BackupError("it is damaged before a member; take another copy of the back-up")
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise BackupError(f"it holds {info.name!r}, which is no plain file: mxhub did not write it")
    if not _NAME.fullmatch(info.name) or info.name in found or len(found) >= MOST_MEMBERS:
        raise BackupError(f"it holds {info.name!r}, which has no place in a back-up: mxhub did not write it")
    if info.name in {MANIFEST, DIGEST} and info.size > _SMALL:
        raise BackupError(f"its {info.name} is too large: mxhub did not write it")
    return info.name, info.size


def _content(file: BinaryIO, size: int) -> Iterator[bytes]:
    left = size
    while left:
        data = _exactly(file, min(left, CHUNK))
        left -= len(data)
        yield data
    if any(_exactly(file, -size % BLOCK)):
        raise BackupError("it is damaged between two members; take another copy of the back-up")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise BackupError(_CUT)
    return data


def _manifest(small: dict[str, bytearray], found: dict[str, Member]) -> Manifest:
    if MANIFEST not in found or DIGEST not in found:
        raise BackupError("it has no manifest: it was cut short, or mxhub did not write it")
    if small[DIGEST] != found[MANIFEST].sha256.encode() + b"\n":
        raise BackupError("its manifest was changed; take another copy of the back-up")
    manifest = _decoded(bytes(small[MANIFEST]))
    said = {member.name: member for member in manifest.members}
    held = {name: member for name, member in found.items() if name not in small}
    for name in sorted(said.keys() | held.keys()):
        if said.get(name) != held.get(name):
            raise BackupError(f"{name} is not as it was written; take another copy of the back-up")
    return manifest


class _Format(msgspec.Struct):
    format: int
    mxhub: str = "a newer release"


def _decoded(text: bytes) -> Manifest:
    try:
        early = msgspec.json.decode(text, type=_Format)
        if early.format > FORMAT:
            raise BackupError(
                f"it was written by mxhub {early.mxhub} in form {early.format}, this one knows {FORMAT}:"
                " restore it with that release"
            )
        return msgspec.json.decode(text, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"its manifest cannot be understood ({error})") from error
