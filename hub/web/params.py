"""Query and body of a request into the models of its route; every field at fault is listed."""

import types
import typing
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hub.sdk.options import said
from hub.web.errors import Detail, ValidationFailed
from hub.web.route import Route

__all__ = ["read_body", "read_query"]

_LISTS = (list, tuple, set, frozenset)
_SHOWN = 80


def read_query(route: Route, request: web.Request) -> BaseModel | None:
    """Raises `ValidationFailed`."""
    if route.query is None:
        if request.query:
            raise ValidationFailed(
                f"{route.method} {route.path} takes no query parameters",
                details=[_unknown(name) for name in sorted(set(request.query))],
            )
        return None
    fields = {(info.alias or name): info for name, info in route.query.model_fields.items()}
    values: dict[str, Any] = {}
    for name in dict.fromkeys(request.query):
        given = request.query.getall(name)
        known = fields.get(name)
        if known is not None and _many(known):
            values[name] = [part.strip() for text in given for part in text.split(",") if part.strip()]
        else:
            values[name] = given[0] if len(given) == 1 else given
    return _validated(route.query, values)


async def read_body(route: Route, request: web.Request) -> BaseModel | None:
    """Raises `ValidationFailed`; `web.HTTPRequestEntityTooLarge` above the application's limit."""
    if route.body is None or request.content_type in route.takes:
        return None
    raw = await request.read()
    if request.content_type in route.texts:
        return _validated(route.body, route.texts[request.content_type](raw))
    if not raw.strip():
        raw = b"{}"
    try:
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        raise _failed(error) from error


def _validated(model: type[BaseModel], values: Mapping[str, Any]) -> BaseModel:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _failed(error) from error


def _failed(error: ValidationError) -> ValidationFailed:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    details = [{"field": _place(one["loc"]), "message": _clip(said(one))} for one in problems]
    shown = "; ".join(f"{one['field']}: {one['message']}" for one in details[:3])
    more = f" (and {len(details) - 3} more)" if len(details) > 3 else ""  # noqa: PLR2004 - three fit on a line
    return ValidationFailed(shown + more, details=details)


def _place(loc: tuple[int | str, ...]) -> str:
    return _clip(".".join(str(part) for part in loc)) or "body"


def _clip(text: str) -> str:
    # Names of unknown parameters come from the caller: shown, but not at any length, and always encodable.
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= 4 * _SHOWN else clean[: 4 * _SHOWN] + "..."


def _unknown(name: str) -> Detail:
    return {"field": _clip(name), "message": "unknown parameter"}


def _many(info: FieldInfo) -> bool:
    return _is_list(info.annotation)


def _is_list(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(_is_list(part) for part in typing.get_args(annotation))
    return origin in _LISTS or annotation in _LISTS
