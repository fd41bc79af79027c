"""Vendor times: ISO 8601 with or without a zone, epoch seconds, milliseconds, micro- or nanoseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["iso", "parse_ms", "seconds_key", "whole_seconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MAX_MS = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z."""
_OLDEST_S = 100_000_000
"""Smaller numbers (before 1973) are counters or durations, not times."""
_MAX_TEXT = 64
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII).fullmatch
_UNITS = ((1e11, 1000), (1e14, 1), (1e17, 1e-3), (1e20, 1e-6))
"""`(numbers below, milliseconds per unit)`: seconds, milliseconds, microseconds, nanoseconds."""


def parse_ms(value: Any) -> int | None:
    """Epoch milliseconds of a vendor's time; `None` when it is none. A time without a zone is UTC."""
    if type(value) is str:
        return _parse_text(value)
    if type(value) is int or type(value) is float:
        return _parse_number(value)
    return None


def _parse_text(text: str) -> int | None:
    if len(text) > _MAX_TEXT:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _parse_digits(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def _parse_digits(text: str) -> int | None:
    digits = text.replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit()):
        return None
    return _parse_number(float(text) if "." in text else int(text))


def _parse_number(number: float) -> int | None:
    if not number >= _OLDEST_S:
        return None
    for below, factor in _UNITS:
        if number < below:
            ms = int(number * factor)
            return ms if ms <= _MAX_MS else None
    return None


def iso(ms: int) -> str:
    """`2026-05-01T07:42:13Z`, with milliseconds when they are not zero."""
    moment = _EPOCH + ms * _MILLISECOND
    text = moment.isoformat(timespec="milliseconds" if ms % 1000 else "seconds")
    return text.removesuffix("+00:00") + "Z"


def seconds_key(value: Any) -> str:
    """A time as part of an identity: whole seconds in UTC, whatever precision, zone or form it came in.

    Text that is no time stands for itself.
    """
    ms = parse_ms(value)
    return str(value) if ms is None else whole_seconds(ms, str(value))


def whole_seconds(ms: int, written: str) -> str:
    """`seconds_key` of a time that is parsed already."""
    return written if _CANONICAL(written) else iso(ms - ms % 1000)
