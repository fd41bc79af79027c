"""Jinja templates that yield JSON.

What stands in `{{ }}` is put in as a JSON value, whatever it is: a text comes with its quotation marks and
cannot end the string, close a bracket or add a key. Templates run in Jinja's immutable sandbox; a name that
is not defined is an error; a comma before a closing bracket is no mistake.
"""

import json
import re
from collections.abc import Callable, Mapping
from traceback import extract_tb
from typing import Any

import orjson
from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError, Undefined
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from hub.sdk.render.sources import SUFFIX, Source

__all__ = ["BUILT_IN", "JsonTemplates", "RenderFailed"]

BUILT_IN = "built-in/"
"""Prefix under which an override can extend or include what it replaces."""
_MAX_CHARS = 1024 * 1024
_MAX_NUMBER = 2**63
_MARKUP = ("e", "escape", "forceescape", "lipsum", "safe", "tojson", "urlize", "xmlattr")
"""Filters for HTML, and those that would get around the encoding."""
_STRING_OR_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])', re.DOTALL)


class RenderFailed(Exception):
    """A template does not hold; one line that names its file, the line in it, and why."""


class JsonTemplates:
    """Templates by name. `functions` can be called in all of them.

    An entry of `overrides` stands before the one of the same name in `sources`, which it can still reach as
    `built-in/NAME`.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        functions: Mapping[str, Callable[..., Any]],
        overrides: Mapping[str, Source] | None = None,
    ) -> None:
        built_in = {f"{BUILT_IN}{name}": source for name, source in sources.items()}
        self._sources = {**built_in, **sources, **(overrides or {})}
        self._environment = _environment(self._sources)
        self._environment.globals.update(functions)

    def render(self, name: str, **values: Any) -> Any:
        """The JSON value that a template yields. Raises `RenderFailed`."""
        try:
            text = self._written(name, values)
        except RenderFailed:
            raise
        except Exception as error:  # a template may raise anything at all; its file and line are what helps
            raise RenderFailed(self._where(name, error)) from error
        return self._parsed(name, text)

    def _written(self, name: str, values: Mapping[str, Any]) -> str:
        """Piece by piece, so that one that never ends its output is cut off."""
        pieces, size = [], 0
        for piece in self._environment.get_template(name).generate(values):
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_CHARS:
                file = self._sources[name].file
                raise RenderFailed(f"{file}: yields more than {_MAX_CHARS} characters, which nothing takes")
        return "".join(pieces)

    def _parsed(self, name: str, text: str) -> Any:
        file = self._sources[name].file
        without = _STRING_OR_COMMA.sub(lambda found: "" if found[0] == "," else found[0], text)
        try:
            return orjson.loads(without)
        except orjson.JSONDecodeError as error:
            near = " ".join(without[max(error.pos - 30, 0) : error.pos + 30].split())
            raise RenderFailed(
                f"{file}: what it yields is not JSON: {error.msg} near {near!r}"[:300]
            ) from error

    def _where(self, name: str, error: Exception) -> str:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        if isinstance(error, TemplateSyntaxError):
            return f"{error.filename or name} line {error.lineno}: {why}"
        ours = {source.file for source in self._sources.values()}
        lines = [
            f"{one.filename} line {one.lineno}"
            for one in extract_tb(error.__traceback__)
            if one.filename in ours
        ]
        return f"{lines[-1] if lines else name}: {why}"


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's, without a product that fills the memory: `"a" * 1000000000`, `9 ** 9 ** 9`."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (numbers and abs(left * right) > _MAX_NUMBER):
            raise OverflowError(f"{operator!r} is not for numbers like these in a template")
        if not numbers and _length(left) * _length(right) > _MAX_CHARS:
            raise OverflowError(f"this product has more than {_MAX_CHARS} characters")
        return super().call_binop(context, operator, left, right)


def _length(value: Any) -> int:
    """A number's is how often it repeats the other side."""
    return len(value) if hasattr(value, "__len__") else abs(int(value))


def _environment(sources: Mapping[str, Source]) -> ImmutableSandboxedEnvironment:
    def load(name: str) -> tuple[str, str, None] | None:
        source = sources.get(name.removesuffix(SUFFIX))
        return None if source is None else (source.text, source.file, None)

    environment = _Sandbox(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        autoescape=False,  # `finalize` encodes as JSON instead
        finalize=_encoded,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    for word in _MARKUP:
        environment.filters.pop(word, None)
        environment.globals.pop(word, None)
    return environment


def _encoded(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_refuse, allow_nan=False)


def _refuse(value: Any) -> str:
    """Raises `UndefinedError` with the missing name, else `TypeError`."""
    if isinstance(value, Undefined):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be put in; only text, numbers, lists and mappings")
