"""What every walk of a vendor's list does alike: its state between two requests, and where it begins."""

from typing import TypeVar

import msgspec

__all__ = ["begin_ms", "dump", "load", "newest"]

_State = TypeVar("_State", bound=msgspec.Struct)
_UNREADABLE = "the stored cursor cannot be read; the list is read again from its beginning"


def load(cursor: str | None, kind: type[_State]) -> tuple[_State, str | None]:
    """The state in a stored cursor, and what was lost where it cannot be read; a fresh one without any."""
    if cursor is None:
        return kind(), None
    try:
        return msgspec.json.decode(cursor, type=kind), None
    except (msgspec.MsgspecError, ValueError):
        return kind(), _UNREADABLE


def dump(state: msgspec.Struct) -> str:
    return msgspec.json.encode(state).decode()


def begin_ms(high: int | None, now_ms: int, *, overlap_ms: int, lookback_s: float | None) -> int | None:
    """Epoch milliseconds from which a new walk reads, `None` for the whole list.

    `high` is the newest time that earlier walks saw: one from the future must not hide what comes before it.
    """
    if lookback_s is not None:
        return max(now_ms - int(lookback_s * 1000), 0)
    return None if high is None else max(min(high, now_ms) - overlap_ms, 0)


def newest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)
