"""DMARC aggregate reports out of a mail to the rua address (RFC 7489 section 7.2.1.1)."""

from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Final

from core.engine.parts import readable
from core.reports.dmarc import Report, ReportRefused, parse

__all__ = ["MailedReports", "read_mail"]

MAX_MAIL_BYTES: Final = 10 * 2**20
_MOST_REPORTS: Final = 5
"""Of one mail: receivers send one. It bounds the work that a mail can cause."""
_MOST_PARTS: Final = 100
_TYPES: Final = frozenset(
    {
        "application/gzip",
        "application/x-gzip",
        "application/zip",
        "application/x-zip-compressed",
        "application/xml",
        "text/xml",
    }
)
_SUFFIXES: Final = (".xml", ".gz", ".zip", ".gzip")


@dataclass(frozen=True, slots=True)
class MailedReports:
    """`refused` are the reasons of the attachments that could not be read."""

    reports: tuple[Report, ...]
    refused: tuple[ReportRefused, ...]


def read_mail(raw: bytes) -> MailedReports:
    """The reports that a mail carries. Raises `ReportRefused` when it carries nothing that could be one.

    Costs CPU like `parse`: run it off the loop.
    """
    if len(raw) > MAX_MAIL_BYTES:
        raise ReportRefused("input_limit_exceeded", f"The mail is larger than {MAX_MAIL_BYTES} bytes.")
    reports: list[Report] = []
    refused: list[ReportRefused] = []
    for number, (filename, data) in enumerate(_attachments(raw)):
        if number == _MOST_REPORTS:
            refused.append(ReportRefused("input_limit_exceeded", f"Only {_MOST_REPORTS} attachments count."))
            break
        try:
            reports.append(parse(data, filename))
        except ReportRefused as error:
            refused.append(error)
    if not reports and not refused:
        raise ReportRefused("archive_report_missing", "The mail has no attachment of gzip, ZIP or XML.")
    return MailedReports(tuple(reports), tuple(refused))


def _attachments(raw: bytes) -> Iterator[tuple[str, bytes]]:
    head = readable(raw)
    if len(head) < len(raw):
        raise ReportRefused("input_limit_exceeded", "The mail has more lines or parts than are read.")
    try:
        parts = list(_leaves(message_from_bytes(raw)))
        found = [(_filename(part), _data(part)) for part in parts if _is_report(part)]
    except Exception as error:  # parts nested deeper than Python recurses, and corners of the stdlib's parser
        raise ReportRefused("invalid_structure", "The mail cannot be read.") from error
    yield from found


def _leaves(message: Message) -> Iterator[Message]:
    waiting = [message]
    for _ in range(_MOST_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        payload = part.get_payload()
        if isinstance(payload, list):
            waiting.extend(each for each in reversed(payload) if isinstance(each, Message))
        else:
            yield part


def _is_report(part: Message) -> bool:
    return part.get_content_type() in _TYPES or _filename(part).lower().endswith(_SUFFIXES)


def _filename(part: Message) -> str:
    return str(part.get_filename() or "")


def _data(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
