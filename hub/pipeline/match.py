"""Which connectors want an event: the route table as text, and an index over it.

The table is what `Log.publish` stores per `gen`, so that the fate of an old event can be told from the
table that
was in force when it was routed. Its form is JSON:

    {"<connector>": [{"tenant": ["acme"], "code": ["quarantine.*"], "severity": [3, 4, 5, 6]}, ...], ...}

A connector wants an event when any of its rules holds; a rule holds when every key it names does; an empty
rule
holds always. `code` and `domain` take one `*` at the start or the end of a value.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import orjson

from hub.model.event import Header

__all__ = ["KEYS", "Matcher"]

KEYS = ("tenant", "source", "class", "code", "severity", "domain")
_INDEXED = ("domain", "source", "tenant", "code", "class")
"""Most selective first: a rule is filed under the first of these that it names with exact values only."""
_CACHE_ENTRIES = 8192


def _values(header: Header) -> tuple[str | int, ...]:
    return (header.tenant, header.source, header.class_uid, header.code, header.severity, header.domain)


def _glob(pattern: str) -> Callable[[str | int], bool]:
    if pattern.startswith("*"):
        return lambda value: str(value).endswith(pattern[1:])
    return lambda value: str(value).startswith(pattern[:-1])


@dataclass(frozen=True, slots=True)
class _Rule:
    connector: str
    exact: tuple[tuple[int, frozenset[str | int], tuple[Callable[[str | int], bool], ...]], ...]
    """(position in KEYS, exact values, patterns)."""

    def holds(self, values: tuple[str | int, ...]) -> bool:
        return all(
            values[at] in wanted or any(glob(values[at]) for glob in globs)
            for at, wanted, globs in self.exact
        )


def _rule(connector: str, match: Mapping[str, Iterable[Any]]) -> _Rule:
    conditions = []
    for key, raw in match.items():
        values = list(raw)
        globs = [v for v in values if isinstance(v, str) and "*" in v and key in {"code", "domain"}]
        exact = frozenset(v for v in values if v not in globs)
        conditions.append((KEYS.index(key), exact, tuple(map(_glob, globs))))
    return _Rule(connector, tuple(conditions))


class Matcher:
    """Finds the connectors of an event at a cost that follows the matches, not the number of connectors."""

    def __init__(self, table: Mapping[str, Iterable[Mapping[str, Iterable[Any]]]]) -> None:
        self.connectors = frozenset(table)
        self._index: dict[tuple[int, str | int], list[_Rule]] = {}
        self._rest: list[_Rule] = []
        self._cache: dict[tuple[str | int, ...], tuple[str, ...]] = {}
        for connector, matches in table.items():
            for match in matches:
                self._file(_rule(connector, match))

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse a table as `Log.table` gives it; an empty text is an empty table."""
        return cls(orjson.loads(text) if text else {})

    def _file(self, rule: _Rule) -> None:
        named = {at: wanted for at, wanted, globs in rule.exact if not globs}
        for key in _INDEXED:
            at = KEYS.index(key)
            if at in named:
                for value in named[at]:
                    self._index.setdefault((at, value), []).append(rule)
                return
        self._rest.append(rule)

    def match(self, header: Header) -> tuple[str, ...]:
        """Names of the connectors that want the event, sorted, each once."""
        values = _values(header)
        found = self._cache.get(values)
        if found is None:
            found = self._find(values)
            if len(self._cache) >= _CACHE_ENTRIES:
                self._cache.clear()
            self._cache[values] = found
        return found

    def _find(self, values: tuple[str | int, ...]) -> tuple[str, ...]:
        candidates = list(self._rest)
        for at, value in enumerate(values):
            candidates += self._index.get((at, value), ())
        return tuple(sorted({rule.connector for rule in candidates if rule.holds(values)}))
