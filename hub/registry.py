"""Which sources and connectors there are: built-in modules by their file names, others by entry points.

Nothing is imported before it is asked for, so a connector's libraries cost nothing unless it is configured.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from hub.sdk.connector import ConnectorSpec
from hub.sdk.source import SourceSpec

__all__ = ["Registry", "RegistryError", "builtin_names"]

Spec = TypeVar("Spec", SourceSpec, ConnectorSpec)


class RegistryError(ValueError):
    """An unknown or doubly registered name, or a module that keeps no contract. Says which and what to do."""


def builtin_names(package: str) -> tuple[str, ...]:
    """Names of a package's modules, sorted, without importing them; a leading underscore is private."""
    paths = importlib.import_module(package).__path__
    return tuple(
        sorted(found.name for found in pkgutil.iter_modules(paths) if not found.name.startswith("_"))
    )


def _third_parties(group: str) -> Iterable[EntryPoint]:
    return entry_points(group=group)


@dataclass(slots=True)
class Registry:
    """Found once, imported on demand. Tests give `third_parties` a function that finds none."""

    third_parties: Callable[[str], Iterable[EntryPoint]] = _third_parties
    _found: dict[str, Mapping[str, EntryPoint | str]] = field(default_factory=dict)
    _sources: dict[str, SourceSpec] = field(default_factory=dict)
    _connectors: dict[str, ConnectorSpec] = field(default_factory=dict)

    def sources(self) -> list[str]:
        """Names of all vendors, sorted. Raises `RegistryError` when two register one name."""
        return sorted(self._names("source", "hub.sources"))

    def connectors(self) -> list[str]:
        """Names of all kinds of connectors, sorted. Raises `RegistryError` when two register one name."""
        return sorted(self._names("connector", "connectors"))

    def source(self, name: str, /) -> SourceSpec:
        """Raises `RegistryError` for an unknown name or a module that keeps no contract."""
        if name not in self._sources:
            self._sources[name] = _load("source", name, self._find("source", "hub.sources", name), SourceSpec)
        return self._sources[name]

    def connector(self, name: str, /) -> ConnectorSpec:
        """Raises `RegistryError` for an unknown name or a module that keeps no contract."""
        if name not in self._connectors:
            found = self._find("connector", "connectors", name)
            self._connectors[name] = _load("connector", name, found, ConnectorSpec)
        return self._connectors[name]

    def _names(self, what: str, package: str) -> Mapping[str, EntryPoint | str]:
        if what not in self._found:
            found: dict[str, EntryPoint | str] = {
                name: f"{package}.{name}" for name in builtin_names(package)
            }
            for point in self.third_parties(f"mxhub.{what}s"):
                if point.name in found:
                    other = found[point.name]
                    raise RegistryError(
                        f"{what} {point.name!r} is registered twice: by {_origin(other)}"
                        f" and by {_origin(point)}; uninstall one of them"
                    )
                found[point.name] = point
            self._found[what] = found
        return self._found[what]

    def _find(self, what: str, package: str, name: str) -> EntryPoint | str:
        names = self._names(what, package)
        if name not in names:
            raise RegistryError(_unknown(what, name, names))
        return names[name]


def _unknown(what: str, name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown {what} {name!r}{meant} known: {', '.join(sorted(names)) or 'none'}"


def _origin(found: EntryPoint | str) -> str:
    if isinstance(found, str):
        return f"the built-in {found}"
    return f"{found.value} of {found.dist.name if found.dist else 'an unknown distribution'}"


def _load(what: str, name: str, found: EntryPoint | str, kind: type[Spec]) -> Spec:
    try:
        loaded = (
            getattr(importlib.import_module(found), "SPEC", None) if isinstance(found, str) else found.load()
        )
    except Exception as error:  # a third party's module may raise anything
        raise RegistryError(f"{what} {name!r} ({_origin(found)}) cannot be imported: {error}") from error
    if not isinstance(loaded, kind):
        raise RegistryError(f"{what} {name!r} ({_origin(found)}) has no SPEC of type {kind.__name__}")
    own = loaded.vendor if isinstance(loaded, SourceSpec) else loaded.kind
    if own != name:
        raise RegistryError(f"{what} {name!r} ({_origin(found)}) calls itself {own!r}; the two must be equal")
    return loaded
