"""Back-up files made by hand, whole and otherwise."""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hub.app.backup.manifest import Manifest, Member, Versions, installed_version
from hub.app.backup.tarball import DIGEST, END, MANIFEST, header, padding, read_through

__all__ = ["FIXTURE", "contents", "made", "manifest_of", "member", "rewritten"]

FIXTURE = Path(__file__).parents[1] / "fixtures" / "state" / installed_version() / "backup.tar"
SMALL = {
    "archive/events-0-000000000001.db": b"e" * 700,
    "archive/catalogue.db": b"c" * 512,
    "config/0-mxhub.yaml": b"listen: 127.0.0.1:0\n",
    "beside/sandbox/api-key": b"k",
    "log/dump.rdb": b"REDIS",
}


def member(name: str, data: bytes) -> bytes:
    """A member as it stands in the file."""
    return header(name, len(data), 1_760_000_000) + data + padding(len(data))


def made(contents: Mapping[str, bytes] = SMALL, **over: Any) -> bytes:
    """A whole file of these members; `over` changes what its manifest says."""
    members = tuple(
        Member(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()
    )
    said = Manifest(
        **{
            "mxhub": installed_version(),
            "created_ms": 1_760_000_000_000,
            "state": Versions(),
            "server": "valkey",
            "server_version": "8.0.0",
            "seq": 7,
            "archived": 5,
            "events": 5,
            "members": members,
            **over,
        }
    )
    text = msgspec.json.encode(said)
    digest = hashlib.sha256(text).hexdigest().encode() + b"\n"
    return b"".join([*(member(*item) for item in contents.items()), _last(text, digest)])


def _last(text: bytes, digest: bytes) -> bytes:
    return member(MANIFEST, text) + member(DIGEST, digest) + END


def contents(file: bytes) -> dict[str, bytes]:
    """Member -> its bytes."""
    found: dict[str, bytes] = {}
    for piece in read_through(io.BytesIO(file)):
        if not isinstance(piece, Manifest):
            found[piece.name] = found.get(piece.name, b"") + piece.data
    return found


def manifest_of(file: bytes) -> Manifest:
    *_, last = read_through(io.BytesIO(file))
    assert isinstance(last, Manifest)
    return last


def rewritten(file: bytes, **over: Any) -> bytes:
    """The same members under a manifest that says something else, and holds."""
    said = msgspec.structs.asdict(manifest_of(file))
    return made(contents(file), **{**said, **over})
