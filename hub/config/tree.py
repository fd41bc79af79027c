"""All files of one configuration as one tree that knows where everything stands."""

from collections.abc import Sequence
from typing import Any

from hub.config.document import Document, Loc
from hub.config.problem import Mark, Problem, spot

__all__ = ["Tree", "merged"]

_SHARED = {("sources",), ("connectors",), ("defaults",), ("defaults", "sources"), ("defaults", "connectors")}
"""Mappings that several files may add to; every other key stands in one file only."""


def merged(below: Any, above: Any) -> Any:
    """`above` over `below`: mappings key by key, everything else replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    both = {key: merged(below[key], value) if key in below else value for key, value in above.items()}
    return {**{key: value for key, value in below.items() if key not in above}, **both}


class Tree:
    """Data, marks and problems of a main file and those it includes."""

    def __init__(self, name: str) -> None:
        self.name = name
        """What a problem of the configuration as a whole is filed under."""
        self.data: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self._unreadable: set[Mark] = set()
        self._keys: dict[Loc, Mark] = {}
        self._values: dict[Loc, Mark] = {}
        self._lines: dict[str, list[str]] = {}

    @property
    def documents(self) -> frozenset[str]:
        """Names of the files whose content is in the tree."""
        return frozenset(self._lines)

    def add(self, document: Document) -> None:
        """Put a file's content beside what is there; a key that is already set elsewhere is a problem."""
        self.problems += document.problems
        self._unreadable |= {problem.mark for problem in document.problems}
        self._lines[document.file] = document.lines
        self._join(self.data, document.data, (), document)

    def _join(self, into: dict[str, Any], data: dict[str, Any], loc: Loc, document: Document) -> None:
        for key, value in data.items():
            here = (*loc, key)
            if key not in into:
                into[key] = value
                self._take_marks(here, document)
            elif here in _SHARED and isinstance(value, dict) and isinstance(into[key], dict):
                self._join(into[key], value, here, document)
            else:
                first = self._keys[here]
                document_mark = document.keys[here]
                message = f"{key!r} is already set in {first.file} line {first.line}; remove one of them"
                self.problems.append(spot(document.lines, document_mark, message))

    def _take_marks(self, loc: Loc, document: Document) -> None:
        size = len(loc)
        self._keys.update({at: mark for at, mark in document.keys.items() if at[:size] == loc})
        self._values.update({at: mark for at, mark in document.values.items() if at[:size] == loc})

    def override(self, key: str, value: object, origin: str) -> None:
        """Set a top-level key from outside the files; `origin` names the variable or flag."""
        self.data[key] = value
        self._keys[key,] = self._values[key,] = Mark(origin)

    def mark(self, origins: Sequence[Loc], rest: Loc, *, key: bool = False) -> Mark:
        """Where `rest` below one of `origins` stands.

        The origin that holds most of it wins; parts that are not in the file (a list written as one
        value) are passed over.
        """
        best = max((self._follow(origin, rest) for origin in origins), key=len)
        if key or best not in self._values:
            return self._keys.get(best) or self._values.get(best) or Mark(self.name)
        return self._values[best]

    def _follow(self, origin: Loc, rest: Loc) -> Loc:
        at = origin if origin in self._keys or not origin else ()
        for part in rest if at == origin else ():
            at = (*at, part) if (*at, part) in self._values else at
        return at

    def blame(self, mark: Mark, message: str) -> None:
        """Note a problem."""
        self.problems.append(spot(self._lines.get(mark.file, ()), mark, message))

    def readable(self, mark: Mark) -> bool:
        """Whether the value at `mark` could be read; what could not has its problem already."""
        return mark not in self._unreadable
