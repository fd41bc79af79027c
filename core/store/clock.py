"""Time as the store keeps it (milliseconds since the epoch) and as people read it (ISO 8601, UTC)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import overload

__all__ = ["DAY_MS", "HOUR_MS", "Clock", "from_iso", "iso_millis", "iso_seconds", "wall_clock"]

Clock = Callable[[], int]
"""Milliseconds since the epoch."""

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that ISO 8601 writes with four digits."""


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


@overload
def iso_seconds(at_ms: int) -> str: ...
@overload
def iso_seconds(at_ms: None) -> None: ...
def iso_seconds(at_ms: int | None) -> str | None:
    """`2026-05-01T07:42:13Z`, cut, not rounded; nothing for what has not been."""
    return None if at_ms is None else f"{datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()[:19]}Z"


@overload
def iso_millis(at_ms: int) -> str: ...
@overload
def iso_millis(at_ms: None) -> None: ...
def iso_millis(at_ms: int | None) -> str | None:
    """`2026-05-01T07:42:13.482Z`; nothing for what has not been."""
    return None if at_ms is None else f"{iso_seconds(at_ms)[:-1]}.{at_ms % 1000:03d}Z"


def from_iso(text: str) -> int:
    """Milliseconds of an ISO 8601 moment; without a zone it is UTC.

    Raises `ValueError` on anything else, and outside the years 1970 to 9999.
    """
    moment = datetime.fromisoformat(text)
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        at_ms = round(aware.timestamp() * 1000)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error
    if not 0 <= at_ms <= _LATEST_MS:
        raise ValueError(f"{text!r} is out of range")
    return at_ms
