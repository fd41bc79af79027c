"""One range of bytes, as RFC 9110 section 14 writes it."""

import re
from typing import Final

from hub.web.errors import RangeNotSatisfiable

__all__ = ["range_of"]

_RANGE: Final = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))", re.ASCII)


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
