"""Files of which one range of bytes may be asked (RFC 9110 section 14); their ETag tells what they are."""

import re
from collections.abc import Mapping
from email.utils import formatdate
from typing import Final

from core.audit.files import ExportFile
from hub.web.errors import RangeNotSatisfiable
from hub.web.route import Bare, Stream

__all__ = ["range_of", "served"]

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)
_THE_SAME: Final = 304


def served(file: ExportFile, asked: Mapping[str, str], *, media_type: str, name: str) -> Stream | Bare:
    """The file, or the range that the request's headers `asked` for; 304 for who has it already.

    Raises `RangeNotSatisfiable`, which tells the size.
    """
    told = {
        "Accept-Ranges": "bytes",
        "ETag": file.etag,
        "Last-Modified": formatdate(file.changed_ms / 1000, usegmt=True),
    }
    if file.etag in [each.strip().removeprefix("W/") for each in asked.get("If-None-Match", "").split(",")]:
        return Bare(body=b"", media_type=media_type, status=_THE_SAME, headers=told)
    same = asked.get("If-Range", file.etag) == file.etag
    wanted = range_of(asked.get("Range") if same else None, file.size)
    first, last = wanted or (0, file.size - 1)
    told["Content-Length"] = str(last - first + 1)
    if wanted:
        told["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    status = 206 if wanted else 200
    chunks = file.read(first, last)
    return Stream(chunks=chunks, media_type=media_type, filename=name, status=status, headers=told)


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """First and last byte; None where there is no range, several, or one in another form: all of it then.

    Raises `RangeNotSatisfiable`.
    """
    found = _RANGE.fullmatch((header or "").replace(" ", ""))
    if found is None:
        return None
    begin, end, suffix = found.groups()
    if suffix is not None:
        begin, end = str(max(size - int(suffix), 0)), ""
        if int(suffix) == 0:
            raise RangeNotSatisfiable(size)
    if end and int(end) < int(begin):
        return None
    if int(begin) >= size:
        raise RangeNotSatisfiable(size)
    return int(begin), min(int(end), size - 1) if end else size - 1
