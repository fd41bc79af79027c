"""Sources and connectors are found by name, imported only when asked for, and held to their contract."""

import subprocess
import sys
import types
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from hub.registry import Registry, RegistryError, builtin_names
from hub.sources.mailguard import SPEC


def _registry(*points: EntryPoint) -> Registry:
    return Registry(third_parties=lambda group: [p for p in points if p.group == group])


def _module(monkeypatch: pytest.MonkeyPatch, name: str, **content: Any) -> None:
    module = types.ModuleType(name)
    module.__dict__.update(content)
    monkeypatch.setitem(sys.modules, name, module)


def test_built_in_sources_are_found_by_their_module() -> None:
    assert {"mailguard", "mxhub"} <= set(_registry().sources())
    assert _registry().source("mailguard") is SPEC


def test_every_built_in_keeps_its_contract() -> None:
    registry = _registry()

    assert [registry.source(name).vendor for name in registry.sources()] == registry.sources()
    assert [registry.connector(name).kind for name in registry.connectors()] == registry.connectors()


def test_names_are_known_without_importing_anything() -> None:
    script = (
        "import sys; from hub.registry import Registry; r = Registry(third_parties=lambda _: ());"
        "r.sources(); r.connectors();"
        "print([m for m in sys.modules if m.startswith(('hub.sources.', 'connectors.'))])"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_private_modules_are_no_components() -> None:
    assert not [name for name in builtin_names("hub.sources") if name.startswith("_")]


def test_an_unknown_name_lists_the_known_and_the_close_one() -> None:
    with pytest.raises(
        RegistryError, match=r"unknown source 'mailgard'; did you mean 'mailguard'\? known: .*mxhub"
    ):
        _registry().source("mailgard")


def test_a_third_party_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    _module(monkeypatch, "acme_source", SPEC=dataclasses.replace(SPEC, vendor="acme"))
    registry = _registry(EntryPoint("acme", "acme_source:SPEC", "mxhub.sources"))

    assert "acme" in registry.sources()
    assert registry.source("acme").vendor == "acme"
    assert "acme" not in registry.connectors()


def test_a_name_registered_twice_is_refused() -> None:
    registry = _registry(EntryPoint("mailguard", "evil:SPEC", "mxhub.sources"))

    with pytest.raises(
        RegistryError, match=r"registered twice: by the built-in hub\.sources\.mailguard and by evil:SPEC"
    ):
        registry.sources()


def test_two_third_parties_of_one_name_are_refused() -> None:
    point = EntryPoint("acme", "a:SPEC", "mxhub.connectors")
    registry = _registry(point, EntryPoint("acme", "b:SPEC", "mxhub.connectors"))

    with pytest.raises(RegistryError, match="connector 'acme' is registered twice"):
        registry.connectors()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, "cannot be imported: module 'acme_source' has no attribute 'SPEC'"),
        ({"SPEC": 5}, "has no SPEC of type SourceSpec"),
        ({"SPEC": SPEC}, "calls itself 'mailguard'"),
    ],
)
def test_a_module_that_keeps_no_contract_is_refused(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], words: str
) -> None:
    _module(monkeypatch, "acme_source", **content)
    registry = _registry(EntryPoint("acme", "acme_source:SPEC", "mxhub.sources"))

    with pytest.raises(RegistryError, match=words):
        registry.source("acme")


def test_a_module_that_cannot_be_imported_is_refused() -> None:
    registry = _registry(EntryPoint("acme", "no_such_module_at_all:SPEC", "mxhub.sources"))

    with pytest.raises(RegistryError, match="cannot be imported: No module named 'no_such_module_at_all'"):
        registry.source("acme")
