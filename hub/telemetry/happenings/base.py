"""What a happening is: a function that counts and writes its log line, both under names that never change."""

import functools
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, ParamSpec

import structlog

__all__ = ["LEVELS", "Happening", "Throttle", "describe", "happening", "hear"]

P = ParamSpec("P")
Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[str, ...] = ("debug", "info", "warning", "error")
_MAX_KEYS = 2000
_threshold = [0]
"""Index in LEVELS of the least that is written."""


@dataclass(frozen=True, slots=True)
class Happening:
    """A happening as the reference shows it."""

    name: str
    level: Level
    every_s: float
    meaning: str
    keys: tuple[str, ...]


class Throttle:
    """Lets one line per key and time pass, and counts those it holds back."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.every_s = every_s
        self._clock = clock
        self._said: dict[tuple[str, ...], tuple[float, int]] = {}

    def held(self, key: tuple[str, ...]) -> int | None:
        """Lines of this key that were held back since its last one; `None` to hold this one back too."""
        now = self._clock()
        last, held = self._said.get(key, (float("-inf"), 0))
        if now - last < self.every_s:
            self._said[key] = (last, held + 1)
            return None
        if len(self._said) >= _MAX_KEYS:
            self._said.clear()
        self._said[key] = (now, 0)
        return held


def happening(
    name: str, level: Level, *, every_s: float = 0.0, by: tuple[str, ...] = ()
) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function, which writes the metrics, write its log line too: its arguments under their names.

    With `every_s` at most one line in so many seconds is written per values of the arguments `by`; the next
    line says how many were held back (`suppressed`).
    """
    throttle = Throttle(every_s)
    rank = LEVELS.index(level)

    def wrap(write: Callable[P, None]) -> Callable[P, None]:
        keys = tuple(inspect.signature(write).parameters)

        @functools.wraps(write)
        def happened(*args: P.args, **named: P.kwargs) -> None:
            write(*args, **named)
            if rank < _threshold[0]:
                return
            values = {**dict(zip(keys, args, strict=False)), **named}
            held = throttle.held(tuple(str(values[one]) for one in by)) if throttle.every_s else 0
            if held is not None:
                log: Any = structlog.get_logger("hub")
                getattr(log, level)(name, **({**values, "suppressed": held} if held else values))

        happened.__happening__ = Happening(  # type: ignore[attr-defined]  # their type does not know it
            name, level, every_s, inspect.getdoc(write) or "", keys
        )
        return happened

    return wrap


def hear(level: str) -> None:
    """Write no lines below this level: then a happening that nobody hears costs its counting only."""
    _threshold[0] = LEVELS.index(level)


def describe(function: object) -> Happening | None:
    """What a function that was made with `happening` stands for."""
    found = getattr(function, "__happening__", None)
    return found if isinstance(found, Happening) else None
