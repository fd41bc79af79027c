"""The MIME parts of a message: its text bodies and its attachments, within bounded work.

Attachments are described by name, type, size and their first bytes; an archive is never opened.
"""

import re
from binascii import a2b_base64
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from core.engine.wording import decode_words, to_text

__all__ = ["Attachment", "Content", "read_parts", "readable", "unread_names"]

MAX_PARTS = 10_000
MAX_TEXT_CHARS = 256 * 1024
MAX_HEAD_BYTES = 512
MAX_HEADER_BYTES = 256 * 1024
MAX_LINES = 700_000
"""Enough for 50 MB of base64 in lines of 76 characters."""
MAX_LINE_STEPS = 1_400_000
"""The stdlib's parser holds every line against every boundary that is open: lines times boundaries."""
MAX_FILENAME_CHARS = 512
SLICE_BYTES = 256 * 1024
_EDGE_BYTES = 24

_BOUNDARY = re.compile(rb"boundary\s{0,9}\*?=", re.IGNORECASE)
_HEADERS_END = re.compile(rb"\r?\n\r?\n")
_NAME = re.compile(rb"\b(?:file)?name\*?(?:0\*?)?\s{0,3}=\s{0,3}\"?([^\"\r\n;]{1,200})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A MIME part with a file name; `head` holds its first bytes, decoded."""

    filename: str
    content_type: str
    size_bytes: int
    head: bytes = b""


@dataclass(slots=True)
class Content:
    """What the parts of a message hold. `broken`: a part could not be read; `cut`: not all were looked at."""

    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    broken: bool = False
    cut: bool = False


def readable(raw: bytes) -> bytes:
    """The longest head of a message that the stdlib's parser reads in bounded time: mostly all of it."""
    end = _HEADERS_END.search(raw, 0, MAX_HEADER_BYTES)
    if end is None and len(raw) > MAX_HEADER_BYTES:
        return raw[:MAX_HEADER_BYTES]
    most = min(MAX_LINES, MAX_LINE_STEPS // max(_boundaries(raw), 1))
    return raw if _lines(raw, len(raw)) <= most else raw[: _cut(raw, most)]


def _boundaries(raw: bytes) -> int:
    """How often one is named; in slices, so that other threads get their turn. On an edge it counts twice."""
    edges = range(0, len(raw), SLICE_BYTES)
    return sum(1 for at in edges for _ in _BOUNDARY.finditer(raw, at, at + SLICE_BYTES + _EDGE_BYTES))


def _lines(raw: bytes, end: int) -> int:
    """Line ends before an offset: LF, CR and CRLF, as the parser counts them."""
    return sum(_line_ends(raw, at, min(at + SLICE_BYTES, end)) for at in range(0, end, SLICE_BYTES))


def _line_ends(raw: bytes, start: int, end: int) -> int:
    pairs = raw.count(b"\r\n", start, end)
    return raw.count(b"\n", start, end) + raw.count(b"\r", start, end) - pairs


def _cut(raw: bytes, most: int) -> int:
    """The largest offset with at most `most` lines before it."""
    low, high = 0, len(raw)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _lines(raw, middle) <= most else (low, middle - 1)
    return low


def unread_names(rest: bytes) -> tuple[Attachment, ...]:
    """Attachments that the unread rest of a message seems to hold, by name only."""
    names = (match[1].decode("utf-8", "replace") for match in _NAME.finditer(rest))
    return tuple(
        Attachment(name.strip(), "application/octet-stream", 0)
        for name, _ in zip(names, range(MAX_PARTS), strict=False)
    )


def read_parts(message: Message) -> Content:
    """Walk the parts; whatever cannot be read is left out and marks the content `broken`."""
    found = Content()
    bodies: dict[str, str] = {"text/plain": "", "text/html": ""}
    attachments: list[Attachment] = []
    for index, part in enumerate(_leaves(message)):
        if index >= MAX_PARTS:
            found.cut = True
            break
        found.broken = not _read_part(part, bodies, attachments) or found.broken
    found.text, found.html, found.attachments = bodies["text/plain"], bodies["text/html"], tuple(attachments)
    return found


def _leaves(message: Message) -> Iterator[Message]:
    """`Message.walk` without its recursion."""
    waiting = [message]
    while waiting:
        part = waiting.pop()
        if part.is_multipart():
            waiting.extend(reversed(part.get_payload()))  # type: ignore[arg-type] # a list of parts here
        else:
            yield part


def _read_part(part: Message, bodies: dict[str, str], attachments: list[Attachment]) -> bool:
    try:
        content_type = part.get_content_type()
        filename = decode_words(_plain(part.get_filename() or ""))
        if filename:
            attachments.append(_attachment(part, filename, content_type))
        elif content_type in bodies:
            room = max(MAX_TEXT_CHARS - len(bodies[content_type]), 0)
            bodies[content_type] += to_text(_payload(part)[:room], part.get_content_charset())
    except Exception:  # broken parameters and encodings raise many kinds here
        return False
    return True


def _payload(part: Message) -> bytes:
    """The decoded bytes. Raises `TypeError` for a part without any."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        raise TypeError("a part without bytes")
    return payload


def _attachment(part: Message, filename: str, content_type: str) -> Attachment:
    """Of large base64 only the beginning is decoded; its size follows from that of the text."""
    text = part.get_payload()
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "base64" and isinstance(text, str) and len(text) > SLICE_BYTES:
        head = a2b_base64(text[:MAX_HEAD_BYTES].encode("ascii", "replace").rstrip(b"=") + b"==")
        letters = len(text) - text.count("\n") - text.count("\r") - text.count("=", -4)
        return Attachment(filename, content_type, letters * 3 // 4, head)
    payload = _payload(part)
    return Attachment(filename, content_type, len(payload), payload[:MAX_HEAD_BYTES])


def _plain(name: str) -> str:
    """One line, cut, with the parser's surrogates turned back into the UTF-8 they stood for."""
    flat = name[:MAX_FILENAME_CHARS].replace("\r", "").replace("\n", "").replace("\x00", "")
    return flat.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
