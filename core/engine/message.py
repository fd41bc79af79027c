"""What the rules see of a message: parsed from hostile bytes, without ever raising.

Headers are read in the stdlib's `compat32` policy, which keeps broken ones as they came; its successor parses
addresses eagerly and raises on some malformed input.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from html import unescape
from urllib.parse import urlsplit

__all__ = ["Address", "Attachment", "Envelope", "Link", "Mail", "decode_words", "parse"]

MAX_PARTS = 200
MAX_TEXT_CHARS = 256 * 1024
MAX_LINKS = 500
MAX_ANCHOR_CHARS = 300
MAX_HEADER_CHARS = 8192

_URL = re.compile(r"https?://[^\s<>\"')\]]{1,2000}", re.IGNORECASE)
# No pattern below can match from inside its own match: each is linear on any input.
_ANCHOR = re.compile(r"<a\s[^<>]{1,2000}>", re.IGNORECASE)
_HREF = re.compile(r"href\s{0,9}=\s{0,9}[\"']?([^\"'\s<>]+)", re.IGNORECASE)
_CLOSING = re.compile(r"</a\b", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the SMTP session knew before DATA. `rdns` is the client's verified host name, or empty."""

    client_ip: str
    helo: str
    mail_from: str
    rcpt_to: tuple[str, ...]
    rdns: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox of an address header; `domain` is lower case and may be empty."""

    name: str
    email: str

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Attachment:
    """A MIME part with a file name."""

    filename: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Link:
    """A web address in the body; `text` is what an HTML anchor shows for it, else empty."""

    url: str
    host: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A parsed message with its envelope. Header names are lower case, values decoded to text."""

    envelope: Envelope
    headers: Mapping[str, Sequence[str]]
    subject: str
    sender: Address
    reply_to: Address | None
    date: datetime | None
    text: str
    html: str
    links: tuple[Link, ...]
    attachments: tuple[Attachment, ...]
    malformed: bool
    size_bytes: int

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""


def parse(raw: bytes, envelope: Envelope) -> Mail:
    """Read RFC 5322 bytes. Whatever cannot be read is left out and marks the result `malformed`."""
    try:
        message = message_from_bytes(raw)
        text, html, attachments, broken = _content(message)
    except Exception:  # parts nested deeper than Python recurses, and corners of the stdlib's parser
        message, (text, html, attachments, broken) = BytesHeaderParser().parsebytes(raw), ("", "", (), True)
    headers = _headers(message)
    reply_to = _addresses(headers.get("reply-to", ()))
    senders = _addresses(headers.get("from", ()))
    return Mail(
        envelope=envelope,
        headers=headers,
        subject=decode_words(_first(headers, "subject")),
        sender=senders[0] if senders else Address("", ""),
        reply_to=reply_to[0] if reply_to else None,
        date=_date(_first(headers, "date")),
        text=text,
        html=html,
        links=tuple(_links(text, html)),
        attachments=attachments,
        malformed=broken or len(senders) > 1 or bool(message.defects),
        size_bytes=len(raw),
    )


def decode_words(value: str) -> str:
    """Decode the encoded words of RFC 2047; text that is no such word, or a broken one, stays as it is."""
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
    except Exception:  # the stdlib raises several kinds on broken base64
        return value
    return "".join(_piece(part, charset) for part, charset in pieces)


def _piece(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        return part
    try:
        text = part.decode(charset or "utf-8", "replace")
    except (LookupError, ValueError):
        text = part.decode("utf-8", "replace")
    # Some codecs (utf-7, unicode-escape) make lone surrogates, which neither JSON nor SQLite takes.
    return text.encode("utf-8", "replace").decode().replace("\x00", "")


def _headers(message: Message) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        headers.setdefault(name.lower(), []).append(_clean(str(value)))
    return headers


def _clean(value: str) -> str:
    """Unfold, cut, and turn the parser's surrogates back into the UTF-8 they stood for."""
    flat = value[:MAX_HEADER_CHARS].replace("\r", "").replace("\n", "").replace("\x00", "")
    return flat.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _first(headers: Mapping[str, Sequence[str]], name: str) -> str:
    values = headers.get(name)
    return values[0] if values else ""


def _addresses(values: Sequence[str]) -> list[Address]:
    try:
        pairs = getaddresses(list(values))
    except Exception:  # hostile headers reach corners of the stdlib's parser that raise
        return []
    return [Address(decode_words(name), email.strip()) for name, email in pairs if email]


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except Exception:  # a date can be wrong in more ways than the stdlib names
        return None


def _content(message: Message) -> tuple[str, str, tuple[Attachment, ...], bool]:
    """The text and HTML bodies, the attachments, and whether anything could not be read."""
    bodies: dict[str, str] = {"text/plain": "", "text/html": ""}
    attachments: list[Attachment] = []
    broken = False
    for index, part in enumerate(message.walk()):
        if index >= MAX_PARTS:
            return bodies["text/plain"], bodies["text/html"], tuple(attachments), True
        if part.is_multipart():
            continue
        broken = not _read_part(part, bodies, attachments) or broken
    return bodies["text/plain"], bodies["text/html"], tuple(attachments), broken


def _read_part(part: Message, bodies: dict[str, str], attachments: list[Attachment]) -> bool:
    try:
        content_type = part.get_content_type()
        filename = decode_words(_clean(part.get_filename() or ""))
        payload = part.get_payload(decode=True)
    except Exception:  # broken parameters and encodings raise many kinds here
        return False
    if not isinstance(payload, bytes):
        return False
    if filename:
        attachments.append(Attachment(filename, content_type, len(payload)))
    elif content_type in bodies:
        room = MAX_TEXT_CHARS - len(bodies[content_type])
        bodies[content_type] += _piece(payload[: max(room, 0)], part.get_content_charset())
    return True


def _links(text: str, html: str) -> Iterator[Link]:
    count = 0
    for url, shown in _candidates(text, html):
        host = _host(url)
        if host is None:
            continue
        yield Link(url, host, shown)
        count += 1
        if count >= MAX_LINKS:
            return


def _candidates(text: str, html: str) -> Iterator[tuple[str, str]]:
    for anchor in _ANCHOR.finditer(html):
        href = _HREF.search(anchor[0])
        if href:
            yield unescape(href[1]), _anchor_text(html, anchor.end())
    for match in _URL.finditer(text):
        yield match[0], ""


def _anchor_text(html: str, start: int) -> str:
    closing = _CLOSING.search(html, start, start + MAX_ANCHOR_CHARS)
    shown = html[start : closing.start() if closing else start + MAX_ANCHOR_CHARS]
    return unescape(_TAG.sub("", shown)).strip()


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower() if parts.scheme.lower() in {"http", "https"} else None
    except ValueError:
        return None
