"""Taking a vendor's object apart: what a mapper takes is gone, what is left becomes `unmapped`.

A value of an unexpected type is not taken, so that it stays visible instead of being bent or lost.
"""

from collections.abc import Mapping
from typing import Any

from hub.sdk.times import parse_ms

__all__ = ["Fields"]

_MAX_INT = 2**63 - 1


class Fields:
    """A payload that shrinks with every take. Several names are synonyms: the first that fits is taken."""

    __slots__ = ("_inner", "rest")

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.rest = dict(payload)
        """What nobody took yet."""
        self._inner: list[tuple[str, Fields]] = []

    def text(self, *names: str) -> str | None:
        """Take a non-empty string; an integer (a numeric id) counts as one."""
        rest = self.rest
        for name in names:
            value = rest.get(name)
            if type(value) is str and value:
                del rest[name]
                return value
            if type(value) is int:
                del rest[name]
                return str(value)
        return None

    def number(self, *names: str) -> float | None:
        """Take a number (no truth value)."""
        for name in names:
            value = self.rest.get(name)
            if type(value) is float or type(value) is int:
                del self.rest[name]
                return value
        return None

    def integer(self, *names: str) -> int | None:
        """Take an integer of at most 64 bits."""
        for name in names:
            value = self.rest.get(name)
            if type(value) is int and -_MAX_INT <= value <= _MAX_INT:
                del self.rest[name]
                return value
        return None

    def flag(self, *names: str) -> bool | None:
        """Take a truth value."""
        for name in names:
            if type(self.rest.get(name)) is bool:
                return bool(self.rest.pop(name))
        return None

    def strings(self, *names: str) -> list[str]:
        """Take a string or a list of strings; a list with anything else in it stays."""
        for name in names:
            value = self.rest.get(name)
            if type(value) is str and value:
                del self.rest[name]
                return [value]
            if type(value) is list and all(type(item) is str for item in value):
                del self.rest[name]
                return value
        return []

    def time(self, *names: str) -> tuple[int | None, str | None]:
        """Take a time: `(epoch milliseconds, as it was written)`; what is no time stays, `(None, None)`."""
        for name in names:
            value = self.rest.get(name)
            ms = parse_ms(value)
            if ms is not None:
                del self.rest[name]
                return ms, str(value)
        return None, None

    def peek(self, *names: str) -> Any:
        """Look at the first of the names that is there, without taking it."""
        for name in names:
            if name in self.rest:
                return self.rest[name]
        return None

    def inner(self, name: str) -> "Fields":
        """Take an object apart likewise; what is left of it stays under its name. Empty when it is none."""
        value = self.rest.get(name)
        if type(value) is not dict:
            return Fields({})
        del self.rest[name]
        fields = Fields(value)
        self._inner.append((name, fields))
        return fields

    def leave(self, name: str, value: Any) -> None:
        """Put back what turned out to have no place."""
        if value not in (None, "", []):
            self.rest[name] = value

    def unmapped(self) -> dict[str, Any] | None:
        """What is left, in its place, without nulls; `None` when nothing is."""
        left = {name: value for name, value in self.rest.items() if value is not None}
        for name, fields in self._inner:
            if (inner := fields.unmapped()) is not None:
                left[name] = inner
        return left or None
