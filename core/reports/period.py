"""Periods as people write them: `24h`, `7d`, `2026-05`, `2026-W18`, `2026-05-01`, or two days with `..`."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from core.store.clock import DAY_MS, HOUR_MS, iso_seconds

__all__ = ["FORMS", "BadPeriod", "Period", "parse_period"]

FORMS: Final = "24h, 7d, today, yesterday, 2026-05, 2026-W18, 2026-05-01 or 2026-05-01..2026-05-14"
_MOST_DAYS: Final = 3_660
_LAST: Final = re.compile(r"([1-9][0-9]{0,4})([hd])")
_MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK: Final = re.compile(r"([0-9]{4})-W([0-9]{2})")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DECEMBER: Final = 12


class BadPeriod(ValueError):
    """No period. `str()` says which forms there are."""


@dataclass(frozen=True, slots=True)
class Period:
    """`[from_ms, to_ms)`, whole hours; days are UTC."""

    from_ms: int
    to_ms: int

    def as_dict(self) -> dict[str, str]:
        return {"from": iso_seconds(self.from_ms), "to": iso_seconds(self.to_ms)}


def parse_period(text: str, now_ms: int) -> Period:
    """`24h` and `7d` end with the running hour, the others are calendar days. Raises `BadPeriod`."""
    asked = text.strip()
    last = _LAST.fullmatch(asked)
    if last is not None:
        return _last(int(last[1]) * (HOUR_MS if last[2] == "h" else DAY_MS), now_ms, asked)
    try:
        first, end = _days(asked, datetime.fromtimestamp(now_ms / 1000, UTC).date())
    except (ValueError, OverflowError) as error:
        raise BadPeriod(f"period {asked[:40]!r}: write {FORMS}") from error
    if not timedelta(0) < end - first <= timedelta(days=_MOST_DAYS):
        raise BadPeriod(f"period {asked[:40]!r}: it must have 1 to {_MOST_DAYS} days, the first one first")
    return Period(_midnight_ms(first), _midnight_ms(end))


def _last(length_ms: int, now_ms: int, asked: str) -> Period:
    if length_ms > _MOST_DAYS * DAY_MS:
        raise BadPeriod(f"period {asked!r}: at most {_MOST_DAYS} days")
    end = now_ms - now_ms % HOUR_MS + HOUR_MS
    return Period(max(end - length_ms, 0), end)


def _days(asked: str, today: date) -> tuple[date, date]:
    """The first day, and the day after the last one."""
    one = timedelta(days=1)
    named = {"today": today, "yesterday": today - one}.get(asked)
    if named is not None:
        return named, named + one
    begin, dots, end = asked.partition("..")
    if dots:
        return _day(begin), _day(end) + one
    month, week = _MONTH.fullmatch(asked), _WEEK.fullmatch(asked)
    if month is not None:
        first = date(int(month[1]), int(month[2]), 1)
        return first, date(first.year + first.month // _DECEMBER, first.month % _DECEMBER + 1, 1)
    if week is not None:
        monday = date.fromisocalendar(int(week[1]), int(week[2]), 1)
        return monday, monday + 7 * one
    return _day(asked), _day(asked) + one


def _day(text: str) -> date:
    if _DAY.fullmatch(text) is None:
        raise ValueError(text)
    return date.fromisoformat(text)


def _midnight_ms(day: date) -> int:
    at_ms = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    if at_ms < 0:
        raise BadPeriod(f"period of {day.year}: it must be after 1970")
    return at_ms
