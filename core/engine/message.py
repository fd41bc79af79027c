"""What the rules see of a message: parsed from hostile bytes, without ever raising.

Headers are read in the stdlib's `compat32` policy, which keeps broken ones as they came; its successor parses
addresses eagerly and raises on some malformed input.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.parser import BytesFeedParser, BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime

from core.engine.links import Link, find_links
from core.engine.parts import Attachment, Content, read_parts, readable, unread_names
from core.engine.wording import decode_words

__all__ = ["Address", "Attachment", "Envelope", "Link", "Mail", "decode_words", "parse"]

MAX_HEADER_CHARS = 8192
MAX_HEADER_VALUES = 5000
MAX_ADDRESS_HEADERS = 20
FEED_BYTES = 64 * 1024


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A parsed message with its envelope. Header names are lower case, values decoded to text.

    `overgrown`: the message is so large or so deeply structured that only its beginning was read; attachments
    of the rest are known by name alone.
    """

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
    overgrown: bool = False

    def header(self, name: str) -> str:
        """The first value of a header, or an empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""


def parse(raw: bytes, envelope: Envelope) -> Mail:
    """Read RFC 5322 bytes. Whatever cannot be read is left out and marks the result `malformed`."""
    head = readable(raw)
    message, content = _read(head)
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
        text=content.text,
        html=content.html,
        links=tuple(find_links(content.text, content.html)),
        attachments=content.attachments + unread_names(raw if content.cut else raw[len(head) :]),
        malformed=content.broken or len(senders) > 1 or bool(message.defects),
        size_bytes=len(raw),
        overgrown=content.cut or len(head) < len(raw),
    )


def _read(raw: bytes) -> tuple[Message, Content]:
    try:
        message = _parsed(raw)
        return message, read_parts(message)
    except Exception:  # parts nested deeper than Python recurses, and corners of the stdlib's parser
        return BytesHeaderParser().parsebytes(raw), Content(broken=True, attachments=unread_names(raw))


def _parsed(raw: bytes) -> Message:
    """Fed in slices: of one piece the stdlib makes a copy of four times its size."""
    parser = BytesFeedParser()
    for at in range(0, len(raw), FEED_BYTES):
        parser.feed(raw[at : at + FEED_BYTES])
    return parser.close()


def _headers(message: Message) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for _, (name, value) in zip(range(MAX_HEADER_VALUES), message.raw_items(), strict=False):
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
        pairs = getaddresses(list(values[:MAX_ADDRESS_HEADERS]))
    except Exception:  # hostile headers reach corners of the stdlib's parser that raise
        return []
    return [Address(decode_words(name), email.strip()) for name, email in pairs if email]


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except Exception:  # a date can be wrong in more ways than the stdlib names
        return None
