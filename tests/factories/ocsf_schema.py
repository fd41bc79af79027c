"""The official OCSF 1.8 schema as a check."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from hub.model.ocsf_classes import CLASSES, VERSION

__all__ = ["schema_problems"]


@cache
def _schemas() -> Any:
    return OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))


@cache
def _validator(name: str, profiles: tuple[str, ...]) -> Draft202012Validator:
    return Draft202012Validator(_schemas().get_class_schema(name, profiles=list(profiles)))


def schema_problems(body: dict[str, Any]) -> list[str]:
    """What the schema of the event's class, with its listed profiles, has against it."""
    kind = CLASSES[body["class_uid"]]
    validator = _validator(kind.name, tuple(body["metadata"]["profiles"]))
    return [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(body)]
