"""Content-Encoding of a webhook body: inflated only after its signature held, and never beyond a cap."""

import zlib

__all__ = ["BadEncoding", "Inflated", "UnsupportedEncoding", "inflate"]

_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}
_MAX_LAYERS = 2


class UnsupportedEncoding(ValueError):
    """The body's Content-Encoding is none that we read (gzip, deflate, identity)."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says."""


class Inflated(ValueError):
    """The body inflates beyond the cap."""


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo `encoding` (RFC 9110 section 8.4; several are undone last to first).

    Raises `UnsupportedEncoding`, `BadEncoding` or `Inflated` (more than `max_bytes`).
    """
    names = [name for part in encoding.split(",") if (name := part.strip().lower()) not in {"", "identity"}]
    if len(names) > _MAX_LAYERS:
        raise UnsupportedEncoding(
            f"{len(names)} encodings over one another; at most {_MAX_LAYERS} are undone"
        )
    for name in reversed(names):
        if name not in _WINDOW:
            raise UnsupportedEncoding(
                f"Content-Encoding {name[:40]!r} is not read here; send gzip, deflate or none"
            )
        body = _inflate(body, name, max_bytes)
    return body


def _inflate(body: bytes, name: str, max_bytes: int) -> bytes:
    try:
        return _run(body, _WINDOW[name], max_bytes)
    except zlib.error as error:
        if name != "deflate":
            raise BadEncoding(f"the body is not valid {name}: {error}") from error
    try:  # some senders mean raw DEFLATE (RFC 1951) by "deflate"
        return _run(body, -15, max_bytes)
    except zlib.error as error:
        raise BadEncoding(f"the body is not valid {name}: {error}") from error


def _run(body: bytes, window: int, max_bytes: int) -> bytes:
    machine = zlib.decompressobj(window)
    out = machine.decompress(body, max_bytes + 1)
    if len(out) > max_bytes or machine.unconsumed_tail:
        raise Inflated(f"the body inflates to more than {max_bytes} bytes")
    if not machine.eof:
        raise zlib.error("it ends early")
    if machine.unused_data:
        raise zlib.error("bytes follow its end")
    return out
