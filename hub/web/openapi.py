"""OpenAPI 3.1 out of a route table."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.web.envelope import Envelope, ErrorEnvelope
from hub.web.errors import (
    ApiError,
    Conflict,
    Forbidden,
    InternalError,
    PayloadTooLarge,
    RateLimited,
    Unauthorized,
    ValidationFailed,
)
from hub.web.route import Route

__all__ = ["Answers", "describe", "errors_of"]

_REF = "#/components/schemas/{model}"
_RETRY_AFTER: Final = {"description": "Seconds.", "schema": {"type": "integer"}}
_Models = Mapping[Any, Mapping[str, Any]]
"""`(model, mode)` -> its reference; pydantic's own key type is wider than what we ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """How a listener's answers look, and how its callers show who they are."""

    whole: Callable[[Route], type[BaseModel]]
    """The model of a whole answer."""
    failure: type[BaseModel]
    schemes: Mapping[str, Mapping[str, Any]]
    """OpenAPI's security schemes; any one of them opens a route."""
    limited: bool = False
    """Whether the contract says of every route that asks who its caller is: 429 with `Retry-After`."""


def describe(
    routes: Sequence[Route], *, title: str, version: str, summary: str, answers: Answers | None = None
) -> dict[str, Any]:
    """The whole document. Raises `ValueError` when two operations would have the same id.

    Without `answers` those of `/api/`, by `hub.web.envelope`.
    """
    answers = answers or _OURS
    refs, definitions = _schemas(routes, answers)
    paths: dict[str, dict[str, Any]] = {}
    ids: set[str] = set()
    for route in routes:
        if route.operation_id in ids:
            raise ValueError(f"two operations are called {route.operation_id}")
        ids.add(route.operation_id)
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, refs, answers)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "summary": summary},
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": dict(answers.schemes),
        },
    }


def errors_of(route: Route) -> tuple[type[ApiError], ...]:
    """Every error that the route may answer with: its own, and those that its row implies."""
    implied: list[type[ApiError]] = [ValidationFailed, InternalError]
    if route.scope is not None:
        implied += [Unauthorized, Forbidden]
    if route.body is not None:
        implied.append(PayloadTooLarge)
    if route.creates:
        implied.append(Conflict)
    return tuple(sorted({*implied, *route.errors}, key=lambda one: one.status))


def envelope_of(route: Route) -> type[BaseModel]:
    """The model of the whole answer."""
    return Envelope[route.response]  # type: ignore[name-defined]  # the row's type, known at run time only


_OURS: Final = Answers(
    whole=envelope_of,
    failure=ErrorEnvelope,
    schemes={
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    },
)


def _schemas(routes: Sequence[Route], answers: Answers) -> tuple[_Models, dict[str, Any]]:
    models: dict[tuple[type[BaseModel], Any], None] = {(answers.failure, "serialization"): None}
    for route in routes:
        if not route.media_types:
            models[(answers.whole(route), "serialization")] = None
        for given in (route.query, route.body):
            if given is not None:
                models[(given, "validation")] = None
    refs, document = models_json_schema(list(models), by_alias=True, ref_template=_REF)
    return refs, document.get("$defs", {})


def _operation(route: Route, refs: _Models, answers: Answers) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation_id,
        "summary": route.summary,
        "tags": [route.operation_id.partition("_")[0]],
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route, refs, answers),
        "security": [] if route.scope is None else [{name: []} for name in answers.schemes],
    }
    if route.deprecated is not None:
        operation["deprecated"] = True
    if route.scope is not None:
        operation["x-scope"] = route.scope
    if route.body is not None:
        required = any(info.is_required() for info in route.body.model_fields.values())
        content = {"application/json": {"schema": refs[(route.body, "validation")]}}
        content |= {media_type: {"schema": {"type": "string"}} for media_type in route.texts}
        operation["requestBody"] = {"required": required, "content": content}
    return operation


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in route.names
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    if route.query is None:
        return []
    schema = route.query.model_json_schema(by_alias=True, ref_template=_REF)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": form.get("description", ""),
            "schema": {key: value for key, value in form.items() if key not in ("description", "title")},
        }
        for name, form in schema["properties"].items()
    ]


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    if not route.creates:
        return []
    said = "The same key with the same request is done once; its first answer is given again."
    return [{"name": "Idempotency-Key", "in": "header", "description": said, "schema": {"type": "string"}}]


def _responses(route: Route, refs: _Models, answers: Answers) -> dict[str, Any]:
    if route.media_types:
        content: dict[str, Any] = {kind: {} for kind in route.media_types}
    else:
        content = {"application/json": {"schema": refs[(answers.whole(route), "serialization")]}}
    responses: dict[str, Any] = {str(route.status): {"description": "Done", "content": content}}
    failed = {"application/json": {"schema": refs[(answers.failure, "serialization")]}}
    limited = (RateLimited,) if answers.limited and route.scope is not None else ()
    for error in (*errors_of(route), *limited):
        responses[str(error.status)] = {"description": _words(error), "content": failed}
        if error is RateLimited:
            responses["429"]["headers"] = {"Retry-After": _RETRY_AFTER}
    return responses


def _words(error: type[ApiError]) -> str:
    return f"{error.code}: {re.sub(r'(?<=[a-z])(?=[A-Z])', ' ', error.__name__).lower()}"
