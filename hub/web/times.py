"""Times and durations as people and scripts write them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo

__all__ = ["duration_ms", "iso", "parse_time"]

_UNITS_MS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*(ms|s|min|m|h|d|w)", re.ASCII)
_EPOCH = re.compile(r"\d{1,14}(?:\.\d{1,9})?", re.ASCII)
_DAYS_BACK = {"today": 0, "yesterday": 1}
_MILLISECONDS_FROM = 100_000_000_000
"""An epoch this large (year 5138 in seconds) is in milliseconds."""
_LAST_MS = 253_402_300_799_999
_FORMS = (
    "ISO 8601 (2026-05-01, 2026-05-01T07:30:00Z), epoch seconds or milliseconds, "
    "or relative (90s, 15m, 2h, 7d, 2w, today, yesterday, now)"
)


def parse_time(text: str, *, now_ms: int, zone: tzinfo | None = UTC) -> int:
    """A point in time as epoch milliseconds.

    Relative forms count back from `now_ms`. A time without an offset, `today` and `yesterday` are in `zone`
    (`None` = the machine's own). Raises `ValueError` naming the forms it takes.
    """
    said = text.strip()
    word = said.lower()
    if word == "now":
        return now_ms
    if word in _DAYS_BACK:
        return _midnight(now_ms, zone, _DAYS_BACK[word])
    if _EPOCH.fullmatch(said):
        return _in_range(_epoch(said), said)
    if _DURATION.fullmatch(word.removesuffix(" ago")):
        return _in_range(now_ms - duration_ms(word.removesuffix(" ago")), said)
    return _in_range(_calendar(said, zone), said)


def duration_ms(text: str) -> int:
    """`90s`, `15m`, `1.5h`, `7d` as milliseconds; a bare number is seconds. Raises `ValueError`."""
    word = text.strip().lower()
    match = _DURATION.fullmatch(word + "s" if word.isdecimal() else word)
    if match is None:
        raise ValueError(
            f"{text[:40]!r} is no duration: write a number and ms, s, m, h, d or w, such as 90s or 2h"
        )
    return round(float(match[1]) * _UNITS_MS[match[2]])


def iso(ms: int) -> str:
    """UTC with milliseconds: `2026-05-01T07:30:00.000Z`. `ms` must lie within the years 1 to 9999."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _midnight(now_ms: int, zone: tzinfo | None, days_back: int) -> int:
    day = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone).date() - timedelta(days=days_back)
    start = datetime(day.year, day.month, day.day, tzinfo=zone)
    return round(start.timestamp() * 1000)


def _epoch(text: str) -> int:
    value = float(text)
    return round(value if value >= _MILLISECONDS_FROM else value * 1000)


def _calendar(text: str, zone: tzinfo | None) -> int:
    try:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return round(aware.timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text[:40]!r} is no time: write {_FORMS}") from None


def _in_range(ms: int, said: str) -> int:
    if not 0 <= ms <= _LAST_MS:
        raise ValueError(f"{said[:40]!r} lies outside the years 1970 to 9999")
    return ms
