"""The shape of an answer in few words, turned to JSON Schema.

| written | means |
| --- | --- |
| `text`, `integer`, `number`, `boolean`, `null`, `object`, `any` | a value of that type |
| `time` | a time in ISO 8601 with its zone |
| `text|null` | either |
| `=ok` | exactly this text; a number, `true`, `false` or `null` means itself |
| `$domain` | the shape of that name in the file's `shapes` |
| `[shape]` | a list, each item like this |
| `{a: shape, b?: shape}` | an object with these members, `b` may be missing; `...: any` lets more in |
"""

from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator

__all__ = ["as_schema", "mismatches"]

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "object": {"type": "object"},
    "any": {},
    "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
}
_MORE = "..."


def mismatches(value: Any, shape: Any, shapes: Mapping[str, Any]) -> list[str]:
    """What is wrong with `value`, each with its place; empty when it has the shape.

    Raises `ValueError` for a shape that cannot be read.
    """
    schema = {**as_schema(shape), "$defs": {name: as_schema(one) for name, one in shapes.items()}}
    found = Draft202012Validator(schema).iter_errors(value)
    return [f"{error.json_path}: {error.message[:300]}" for error in found]


def as_schema(shape: Any) -> dict[str, Any]:
    """JSON Schema of a shape. Raises `ValueError` naming what is no shape."""
    match shape:
        case str():
            return _of_text(shape)
        case bool() | int() | float() | None:
            return {"const": shape}
        case [item]:
            return {"type": "array", "items": as_schema(item)}
        case Mapping():
            return _of_object(shape)
        case _:
            pass
    raise ValueError(f"no shape: {shape!r}")


def _of_text(shape: str) -> dict[str, Any]:
    parts = [_of_word(word) for word in shape.split("|")]
    return parts[0] if len(parts) == 1 else {"anyOf": parts}


def _of_word(word: str) -> dict[str, Any]:
    if word.startswith("$"):
        return {"$ref": f"#/$defs/{word[1:]}"}
    if word.startswith("="):
        return {"const": word[1:]}
    if word not in _TYPES:
        raise ValueError(f"no shape: {word!r}; known are {', '.join(_TYPES)}")
    return dict(_TYPES[word])


def _of_object(shape: Mapping[str, Any]) -> dict[str, Any]:
    members = {name: as_schema(one) for name, one in shape.items() if name != _MORE}
    return {
        "type": "object",
        "properties": {name.removesuffix("?"): one for name, one in members.items()},
        "required": [name for name in members if not name.endswith("?")],
        "additionalProperties": _MORE in shape,
    }
