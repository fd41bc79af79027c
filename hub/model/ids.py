"""Deterministic event ids.

An id is a function of what the event *is* (its identity tuple), never of when or how we saw it, so that the
same happening seen by webhook and by poll, or delivered twice, has one id for ever. Goldens pin them.
"""

from hashlib import sha256

__all__ = ["UID_BYTES", "event_uid", "uid_from_text", "uid_text"]

UID_BYTES = 16


def event_uid(identity: tuple[str, ...]) -> bytes:
    """The first 16 bytes of SHA-256 over the parts, each preceded by its length.

    The length prefix keeps `("ab", "c")` and `("a", "bc")` apart.
    """
    digest = sha256()
    for part in identity:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(raw))
        digest.update(raw)
    return digest.digest()[:UID_BYTES]


def uid_text(uid: bytes) -> str:
    """The form that users see: 32 lower-case hexadecimal digits."""
    return uid.hex()


def uid_from_text(text: str) -> bytes:
    """Parse the form that users see.

    Raises `ValueError` when the text is not 32 hexadecimal digits.
    """
    uid = bytes.fromhex(text)
    if len(uid) != UID_BYTES or len(text) != 2 * UID_BYTES:
        msg = f"an event id is {2 * UID_BYTES} hexadecimal digits, not {text!r}"
        raise ValueError(msg)
    return uid
