"""Reading an OCSF body that may be anything: what is not there, or of another type, is empty."""

from collections.abc import Mapping
from typing import Any

from hub.sdk.jsontext import decode

__all__ = ["body_of", "first", "part", "text"]


def body_of(raw: bytes) -> Mapping[str, Any]:
    """The event; empty when it is no JSON object."""
    try:
        body = decode(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def part(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """An object inside."""
    value = of.get(key)
    return value if isinstance(value, dict) else {}


def text(of: Mapping[str, Any], key: str) -> str:
    """A string inside."""
    value = of.get(key)
    return value if isinstance(value, str) else ""


def first(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The first object of a list inside."""
    value = of.get(key)
    return value[0] if isinstance(value, list) and value and isinstance(value[0], dict) else {}
