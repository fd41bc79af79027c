"""A route table as a page of reference, in Markdown."""

import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, SecretStr

from hub.web.openapi import errors_of
from hub.web.route import Route

__all__ = ["Given", "default", "given", "said", "section"]

Given = Callable[[str, type[BaseModel]], list[str]]
_PLAIN: dict[Any, str] = {
    None: "null",
    type(None): "null",
    str: "text",
    bytes: "text",
    SecretStr: "text",
    int: "integer",
    float: "number",
    bool: "boolean",
}


def given(
    head: str,
    model: type[BaseModel],
    *,
    left_out: Collection[str] = (),
    words: Mapping[str, str] = types.MappingProxyType({}),
) -> list[str]:
    """A table of a model's fields; `words` are types that have other names for people."""
    lines = [f"| {head} | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, info in model.model_fields.items():
        if name not in left_out:
            shown = "required" if info.is_required() else default(info.default)
            kind = words.get(name) or said(info.annotation)
            lines.append(f"| `{info.alias or name}` | {kind} | {shown} | {info.description or ''} |")
    return [*lines, ""]


def section(route: Route, given: Given = given) -> str:
    """What a route takes, answers, and may refuse with; `given` writes the table of a model's fields."""
    lines = ["", f"## {route.method} {route.path}", "", f"{route.summary}.", ""]
    if route.query is not None:
        lines += given("parameter", route.query)
    if route.body is not None:
        lines += given("body", route.body)
    lines += [_answer(route), "", f"Errors: {', '.join(_errors(route))}.", ""]
    model = _model(route.response)
    if model is not None and not route.media_types:
        lines += ["| data | type | meaning |", "| --- | --- | --- |"]
        lines += [
            f"| `{name}` | {said(info.annotation)} | {info.description or ''} |"
            for name, info in model.model_fields.items()
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _answer(route: Route) -> str:
    scope = "open to all" if route.scope is None else f"scope `{route.scope}`"
    if route.media_types:
        return f"Answers {route.status} with {', '.join(f'`{kind}`' for kind in route.media_types)}; {scope}."
    return f"Answers {route.status} with `data`: {said(route.response)}; {scope}."


def _errors(route: Route) -> Iterable[str]:
    return (f"{error.status} {error.code}" for error in errors_of(route))


def default(value: Any) -> str:
    return (
        "" if value in (None, "", (), []) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
    )


def _model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _model(part))), None)


def said(annotation: Any) -> str:
    """A type in words."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(said(part) for part in parts)
    if origin in {list, tuple, typing.Annotated}:
        inner = said(parts[0])
        return inner if origin is typing.Annotated else f"list of {inner}"
    return _PLAIN.get(annotation) or ("object" if origin is dict else f"`{annotation.__name__}`")
