"""The Retry-After header: seconds or an HTTP date (RFC 9110 section 10.2.3)."""

import time
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["MOST_S", "retry_after_s"]

MOST_S = 86_400.0
"""Longer waits are cut to this: a destination must not be able to switch itself off by one header."""
_MAX_CHARS = 64


def retry_after_s(value: str | None, *, now_s: float | None = None) -> float | None:
    """Seconds to wait, from 0 to a day; `None` when there is no header, or neither seconds nor a date."""
    text = (value or "").strip()
    if not text or len(text) > _MAX_CHARS:
        return None
    seconds = float(text) if text.isascii() and text.isdigit() else _until(text, now_s)
    return None if seconds is None else min(max(seconds, 0.0), MOST_S)


def _until(text: str, now_s: float | None) -> float | None:
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.timestamp() - (time.time() if now_s is None else now_s)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
