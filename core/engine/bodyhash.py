"""The body hash of a DKIM signature (RFC 6376 3.4 and 3.7), in slices, so that other threads get their turn.

A regular expression over a whole large message would hold Python's lock for a second.
"""

import re
from collections.abc import Iterator
from hashlib import sha1, sha256

__all__ = ["body_hash"]

SLICE_BYTES = 256 * 1024

_SPACES = re.compile(rb"[\t ]+")


def body_hash(body: bytes, *, algorithm: str, relaxed: bool, length: int | None) -> bytes | None:
    """The digest of the canonical body, of its first `length` bytes where given; None when it has fewer.

    `algorithm`: `sha256` or `sha1`. Line ends may be CRLF or LF.
    """
    digest = sha1() if algorithm == "sha1" else sha256()  # noqa: S324 -- what an old signature names
    left = length
    for part in _canonical(body, relaxed=relaxed):
        taken = part if left is None else part[:left]
        digest.update(taken)
        left = None if left is None else left - len(taken)
    return None if left else digest.digest()


def _canonical(body: bytes, *, relaxed: bool) -> Iterator[bytes]:
    """The canonical body in pieces: empty lines at its end are held back until another line follows."""
    held, seen = 0, False
    for piece in _slices(body):
        lines = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if relaxed:
            lines = _SPACES.sub(b" ", lines).replace(b" \r\n", b"\r\n").removesuffix(b" ")
        text = lines.rstrip(b"\r\n") if lines.endswith(b"\r\n") else lines
        ends = (len(lines) - len(text)) // 2
        if not text:
            held += ends
            continue
        yield b"\r\n" * held + text
        held, seen = ends, True
    if seen or not relaxed:
        yield b"\r\n"


def _slices(body: bytes) -> Iterator[bytes]:
    """Pieces that end with a line, but for a last line without an end."""
    at = 0
    while at < len(body):
        end = body.find(b"\n", at + SLICE_BYTES)
        end = len(body) if end < 0 else end + 1
        yield body[at:end]
        at = end
