"""The description of the API as a page for people: whole in itself, nothing of it comes from elsewhere."""

from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

__all__ = ["page"]

Schema = Mapping[str, Any]


def page(document: Mapping[str, Any]) -> str:
    """HTML of an OpenAPI document as `hub.web.openapi` makes it."""
    from jinja2 import Environment

    source = (resources.files("core.api") / "docs.html.j2").read_text("utf-8")
    template = Environment(autoescape=True, trim_blocks=True).from_string(source)
    tags: dict[str, list[dict[str, Any]]] = {}
    for path, row in document["paths"].items():
        for method, operation in row.items():
            shown = _operation(document, method.upper(), path, operation)
            tags.setdefault(operation["tags"][0], []).append(shown)
    return template.render(
        info=document["info"],
        contracts=[path for path in document["paths"] if "/openapi." in path],
        keys=[_header(one) for one in document["components"]["securitySchemes"].values()],
        tags=dict(sorted(tags.items())),
    )


def _header(scheme: Schema) -> str:
    return f"{scheme['name']}: KEY" if scheme["type"] == "apiKey" else "Authorization: Bearer KEY"


def _operation(document: Schema, method: str, path: str, operation: Schema) -> dict[str, Any]:
    envelope = _resolved(document, _content(operation["responses"]))
    data = envelope.get("properties", {}).get("data", {})
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "scope": operation.get("x-scope", ""),
        "deprecated": operation.get("deprecated", False),
        "parameters": [_parameter(document, one) for one in operation["parameters"]],
        "body": list(_fields(document, _content({"2": operation.get("requestBody", {})}))),
        "data": list(_fields(document, data)),
        "answers": [(status, one["description"]) for status, one in operation["responses"].items()],
    }


def _content(responses: Schema) -> Schema:
    """The schema of the first answer (or body) that is JSON; nothing where it is something else."""
    first: Schema = next(iter(responses.values()), {})
    found: Schema = first.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _parameter(document: Schema, one: Schema) -> dict[str, Any]:
    return {
        "name": one["name"],
        "type": _type(document, one.get("schema", {})),
        "description": one.get("description", ""),
        "required": one.get("required", False),
    }


def _fields(document: Schema, schema: Schema) -> Iterator[dict[str, Any]]:
    whole = _resolved(document, schema)
    if "items" in whole:
        whole = _resolved(document, whole["items"])
    for name, one in whole.get("properties", {}).items():
        yield {
            "name": name,
            "type": _type(document, one),
            "description": one.get("description", ""),
            "required": name in whole.get("required", ()),
        }


def _resolved(document: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Schema = document["components"]["schemas"][name] if name else schema
    return found


def _type(document: Schema, schema: Schema) -> str:
    """In words."""
    if "$ref" in schema:
        resolved = _resolved(document, schema)
        return _type(document, resolved) if "enum" in resolved else schema["$ref"].rpartition("/")[2]
    if many := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(_type(document, one) for one in many)
    if known := schema.get("enum"):
        return ", ".join(map(str, known))
    if "const" in schema:
        return str(schema["const"])
    if "items" in schema:
        return f"list of {_type(document, schema['items'])}"
    return str(schema.get("type", "anything"))
