"""The hash chain: each file's value seals every event it took, and the file before it.

`chain = SHA-256(chain before + digest)` over every seq in order, where an event's digest covers its seq, id,
header and body. An erased event leaves its digest behind, so the chain can still be verified and only its
content is gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from hub.model.event import Entry

__all__ = ["GENESIS", "ChainCheck", "event_digest", "extend", "repeat_digest"]

GENESIS = bytes(32)
"""Chain value before the first event of a partition."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What verifying one file found."""

    partition: int
    first_seq: int
    last_seq: int
    sealed: bool
    problem: str | None
    """`None` when the file is as it was written."""
    erased: int = 0
    """Records of which only the digest is left."""


def event_digest(entry: Entry) -> bytes:
    """SHA-256 over seq (8 bytes), id, header (JSON array) and body."""
    digest = sha256(entry.seq.to_bytes(8, "big") + entry.uid)
    digest.update(_encode(entry.header))
    digest.update(entry.body)
    return digest.digest()


def repeat_digest(seq: int, original: int) -> bytes:
    """SHA-256 over the seq of a repeated id and the place of its first copy."""
    return sha256(b"repeat" + seq.to_bytes(8, "big") + original.to_bytes(8, "big")).digest()


def extend(chain: bytes, digests: Iterator[bytes]) -> bytes:
    """The chain value after `digests`."""
    for digest in digests:
        chain = sha256(chain + digest).digest()
    return chain
