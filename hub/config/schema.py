"""The JSON Schema of `mxhub.yaml` for editors, with the options of every vendor and kind.

An editor finds it by the comment `# yaml-language-server: $schema=mxhub.schema.json` in the first line of the
file.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.config.assemble import Registry
from hub.config.model import ConnectorConfig, Settings, SourceConfig

__all__ = ["json_schema"]

Schema = dict[str, Any]
_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{.+\}|^sealed:", "description": "a reference"}
_NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"


def json_schema(registry: Registry, settings: type[Settings] = Settings) -> Schema:
    """JSON Schema 2020-12 of the whole file."""
    sources = {name: registry.source(name).options for name in registry.sources()}
    kinds = {name: registry.connector(name).options for name in registry.connectors()}
    models: list[type[BaseModel]] = [
        settings,
        SourceConfig,
        ConnectorConfig,
        *sources.values(),
        *kinds.values(),
    ]
    definitions, of = _schemas(models)
    root = of(settings)
    families = {
        "sources": _family(of(SourceConfig), "vendor", {name: of(each) for name, each in sources.items()}),
        "connectors": _family(of(ConnectorConfig), "kind", {name: of(each) for name, each in kinds.items()}),
    }
    sections = {
        section: _section(root["properties"][section], entries) for section, entries in families.items()
    }
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mxhub configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {**root["properties"], **sections, "defaults": _defaults(families)},
        "$defs": {name: one for name, one in definitions.items() if one is not root},
    }
    found: Schema = _with_references(schema)
    return found


def _schemas(
    models: Iterable[type[BaseModel]],
) -> tuple[dict[str, Schema], Callable[[type[BaseModel]], Schema]]:
    """All definitions, and which of them is a model's."""
    places, whole = models_json_schema([(model, "validation") for model in dict.fromkeys(models)])
    definitions: dict[str, Schema] = whole["$defs"]
    return definitions, lambda model: definitions[places[model, "validation"]["$ref"].rsplit("/", 1)[-1]]


def _section(plain: Schema, entries: Mapping[str, Schema]) -> Schema:
    """Entries by name, each of one vendor or kind."""
    return {
        "type": ["object", "null"],
        "description": plain["description"],
        "patternProperties": {_NAME: {"oneOf": list(entries.values())} if entries else False},
        "additionalProperties": False,
    }


def _family(common: Schema, selector: str, options: Mapping[str, Schema]) -> dict[str, Schema]:
    """One entry's schema per vendor or kind: the common keys and its own side by side."""
    shared = {key: one for key, one in common["properties"].items() if key != "options"}
    entries = {}
    for name, own in options.items():
        entries[name] = {
            "title": name,
            "type": "object",
            "additionalProperties": False,
            "properties": {**own.get("properties", {}), **shared, selector: {"const": name}},
            "required": [selector, *own.get("required", [])],
        }
    return entries


def _defaults(families: Mapping[str, Mapping[str, Schema]]) -> Schema:
    """Per section and vendor or kind the same keys, none of them required."""
    sections = {}
    for section, selector in (("sources", "vendor"), ("connectors", "kind")):
        partial = {}
        for name, entry in families[section].items():
            keys = {key: one for key, one in entry["properties"].items() if key != selector}
            partial[name] = {"type": "object", "additionalProperties": False, "properties": keys}
        sections[section] = {"type": "object", "additionalProperties": False, "properties": partial}
    return {
        "description": "values shared by all sources of a vendor, all connectors of a kind",
        "type": "object",
        "additionalProperties": False,
        "properties": sections,
    }


def _with_references(node: Any) -> Any:
    """Where a number or a truth is wanted, a text that refers to one is fine too."""
    if isinstance(node, list):
        return [_with_references(one) for one in node]
    if not isinstance(node, dict):
        return node
    below = {key: _with_references(one) for key, one in node.items()}
    if below.get("type") in ("integer", "number", "boolean") and "const" not in below:
        notes = {key: below.pop(key) for key in _notes(below)}
        return {**notes, "anyOf": [below, _REFERENCE]}
    return below


def _notes(node: Schema) -> Iterable[str]:
    return [key for key in ("description", "default", "title") if key in node]
