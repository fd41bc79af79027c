"""From an event to one syslog message, and how a stream tells messages apart."""

from collections.abc import Iterable, Iterator, Sequence

from connectors.syslog.cef import cef_line
from connectors.syslog.header import Heads
from connectors.syslog.options import SyslogOptions
from connectors.syslog.shorten import escape_del, shorten
from hub.model.event import Entry
from hub.sdk.ndjson import one_line

__all__ = ["Messages", "count_octets", "end_lines"]

_PIECE_EVENTS = 100
_PIECE_BYTES = 64 * 1024


class Messages:
    """Makes messages of at most `options.limit` bytes."""

    def __init__(self, options: SyslogOptions) -> None:
        self._heads = Heads(options)
        self._limit = options.limit
        self._text = cef_line if options.format == "cef" else _json

    def of(self, entry: Entry) -> bytes:
        """One message: no line end, no NUL, no more than the limit."""
        head = self._heads.of(entry)
        return head + self._text(entry, self._limit - len(head))

    def pieces(self, batch: Sequence[Entry]) -> Iterator[list[bytes]]:
        """The batch's messages, some at a time, so that nobody else has to wait for all of them."""
        piece: list[bytes] = []
        size = 0
        for entry in batch:
            piece.append(self.of(entry))
            size += len(piece[-1])
            if len(piece) >= _PIECE_EVENTS or size >= _PIECE_BYTES:
                yield piece
                piece, size = [], 0
        if piece:
            yield piece


def _json(entry: Entry, room: int) -> bytes:
    """The event on one line."""
    body = escape_del(one_line(entry.body))
    return body if len(body) <= room else shorten(body, room)


def count_octets(messages: Iterable[bytes]) -> bytes:
    """Each after its length in bytes and a space (RFC 6587 section 3.4.1, RFC 5425 section 4.3)."""
    return b"".join([b"%d %b" % (len(message), message) for message in messages])


def end_lines(messages: Iterable[bytes]) -> bytes:
    """Each before a line end (RFC 6587 section 3.4.2); messages hold none themselves."""
    return b"".join([part for message in messages for part in (message, b"\n")])
