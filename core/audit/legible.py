"""A row of the audit log that somebody tampered with, as it can be shown."""

from collections.abc import Mapping
from typing import Any

from core.audit.plain import plain
from hub.sql.columns import Unreadable

__all__ = ["legible"]

_NUMBERS = frozenset({"seq", "number", "at_ms"})
_JSON = frozenset({"details", "before", "after"})
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that has a name."""


def legible(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The row with a value of the right kind in each column.

    What SQLite kept of another kind is shown as text, or as 0 where a number should be.
    """
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: Any) -> Any:
    if name in _NUMBERS:
        return value if isinstance(value, int) and 0 <= value <= _LAST_MS else 0
    if name in _JSON:
        return {"unreadable": _text(value.raw)} if isinstance(value, Unreadable) else plain(value)
    return _text(value)


def _text(value: Any) -> str:
    return str(plain(value))
