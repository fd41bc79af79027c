"""The API's own description: Swagger 2.0 as YAML, and a page for people. Both are open to everybody."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from html import escape
from io import StringIO
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter

from core.dialects.mailchannels.domains import ROOT
from core.dialects.mailchannels.lists import NAMES
from hub.web.openapi import errors_of
from hub.web.route import Bare, Call, Route

__all__ = ["VERSION", "routes", "swagger"]

VERSION: Final = "1.2.0"
"""Of the vendor's description that this one keeps to."""
_REF: Final = "#/definitions/{model}"
_HTML, _YAML = "text/html; charset=utf-8", "application/yaml"
_ALSO: Final[Mapping[str, int]] = {"POST /domains": 200, "PUT /users": 200}
"""Where two statuses are good."""
_BEYOND: Final = "/domains/batch/deprovision"
_FULL: Final = "/domains/{domain}/settings"
"""Its body is asked for although no member of it is."""
_UNKNOWN: Final = ("title", "$defs", "const", "anyOf", "properties")
"""Words of JSON Schema that Swagger 2.0 has not, or that are handled apart."""
_DEPRECATED: Final = "whitelist and blacklist are deprecated: write safelist and blocklist."


def routes(operations: Sequence[Route]) -> tuple[Route, ...]:
    """The pages that describe `operations`."""

    @lru_cache(maxsize=1)
    def document() -> dict[str, Any]:
        return swagger(operations)

    async def documentation(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
        return Bare(body=_page(document()).encode(), media_type=_HTML)

    async def inbound_api(call: Call[None, None]) -> Bare:  # noqa: ARG001 - the same for everybody
        return Bare(body=_written(document()), media_type=_YAML)

    async def inbound_api_root(call: Call[None, None]) -> Bare:
        return await inbound_api(call)

    yaml = "Swagger 2.0"
    return (
        Route(
            "GET",
            f"{ROOT}/documentation",
            documentation,
            summary="For people",
            scope=None,
            media_types=(_HTML,),
        ),
        Route(
            "GET",
            f"{ROOT}/inbound-api.yaml",
            inbound_api,
            summary=yaml,
            scope=None,
            media_types=(_YAML,),
        ),
        Route("GET", "/inbound-api.yaml", inbound_api_root, summary=yaml, scope=None, media_types=(_YAML,)),
    )


def swagger(operations: Sequence[Route]) -> dict[str, Any]:
    """Paths, parameters, bodies and statuses of all operations."""
    definitions: dict[str, Any] = {"Refusal": _REFUSAL}
    paths: dict[str, dict[str, Any]] = {}
    for route in operations:
        path = route.path.removeprefix(ROOT)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, definitions)
    return {
        "swagger": "2.0",
        "info": {"title": "Inbound Filtering", "version": VERSION},
        "basePath": ROOT,
        "schemes": ["https", "http"],
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        "security": [{"key": []}],
        "paths": paths,
        "definitions": definitions,
    }


_REFUSAL: Final = {
    "type": "object",
    "required": ["code", "message", "errors"],
    "properties": {
        "code": {"type": "integer"},
        "message": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "string"}},
    },
}


def _operation(route: Route, path: str, definitions: dict[str, Any]) -> dict[str, Any]:
    parameters = [*_in_path(route), *_in_query(route)]
    if route.body is not None:
        body = _schema(route.body, "validation", definitions)
        needed = path == _FULL or any(info.is_required() for info in route.body.model_fields.values())
        parameters.append({"name": "body", "in": "body", "required": needed, "schema": body})
    found: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "parameters": parameters,
        "responses": _responses(route, path, definitions),
    }
    return {**found, "x-beyond": True} if path == _BEYOND else found


def _in_path(route: Route) -> Iterable[dict[str, Any]]:
    for name in route.names:
        found: dict[str, Any] = {"name": name, "in": "path", "required": True, "type": "string"}
        if name == "listname":
            found |= {"enum": list(NAMES), "description": _DEPRECATED}
        yield found | ({"maxLength": 255} if name == "alias" else {})


def _in_query(route: Route) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    schema = route.query.model_json_schema(by_alias=True)
    for name, form in schema["properties"].items():
        plain = _plain(form)
        plain.pop("x-nullable", None)
        needed = name in schema.get("required", ())
        yield {"name": name, "in": "query", "required": needed, **plain}


def _responses(route: Route, path: str, definitions: dict[str, Any]) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if route.response is not None:
        good["schema"] = _schema(route.response, "serialization", definitions)
    statuses = {route.status, _ALSO.get(f"{route.method} {path}", route.status)}
    found = {str(status): good for status in sorted(statuses)}
    refused = {"$ref": "#/definitions/Refusal"}
    for error in errors_of(route):
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", error.__name__).lower()
        found[str(error.status)] = {"description": words, "schema": refused}
    return found | {"503": {"description": "more than 100 requests in a second", "schema": refused}}


def _schema(kind: Any, mode: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(by_alias=True, ref_template=_REF, mode=mode)
    definitions |= {name: _plain(form) for name, form in schema.get("$defs", {}).items()}
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        definitions[kind.__name__] = _plain(schema)
        return {"$ref": _REF.format(model=kind.__name__)}
    return _plain(schema)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema in the words that Swagger 2.0 has: of alternatives the one that is not null."""
    found = {name: _inner(value) for name, value in schema.items() if name not in _UNKNOWN}
    if "properties" in schema:
        found["properties"] = {name: _plain(form) for name, form in schema["properties"].items()}
    if "const" in schema:
        found["enum"] = [schema["const"]]
    if found.get("default", ...) is None:
        del found["default"]
    return {**_alternatives(schema.get("anyOf", ())), **found}


def _inner(value: Any) -> Any:
    return _plain(value) if isinstance(value, Mapping) else value


def _alternatives(given: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    real = [each for each in given if each.get("type") != "null"]
    found: dict[str, Any] = _plain(real[0]) if len(real) == 1 else {}
    return {**found, "x-nullable": True} if len(real) < len(given) else found


def _written(document: Mapping[str, Any]) -> bytes:
    from ruamel.yaml import YAML

    yaml, text = YAML(typ="safe", pure=True), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # typed as None there
    yaml.representer.ignore_aliases = lambda *_: True
    yaml.dump(dict(document), text)
    return text.getvalue().encode()


def _page(document: Mapping[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{escape(ROOT + path)}</code></td>"
        f"<td>{escape(operation['summary'])}</td><td>{escape(', '.join(operation['responses']))}</td></tr>"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    title = "Inbound Filtering API"
    head = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
    said = f'<p>Send your key as X-API-Key. <a href="{ROOT}/inbound-api.yaml">Swagger 2.0</a></p>'
    return f"{head}<body><h1>{title} {VERSION}</h1>{said}<table>{rows}</table></body></html>"
