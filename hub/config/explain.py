"""From what pydantic found to what the operator can do about it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hub.config.document import Loc
from hub.sdk.options import said

__all__ = ["Finding", "did_you_mean", "findings", "known_keys"]

_PLAIN = {
    "string_type": "this is text; put quotes around it",
    "missing": "this key is missing",
    "int_type": "this is a whole number",
    "int_parsing": "this is a whole number",
    "int_from_float": "this is a whole number",
    "float_type": "this is a number",
    "float_parsing": "this is a number",
    "bool_type": "this is true or false",
    "bool_parsing": "this is true or false",
    "dict_type": "this is a mapping: lines of 'key: value' below it",
    "model_type": "this is a mapping: lines of 'key: value' below it",
    "model_attributes_type": "this is a mapping: lines of 'key: value' below it",
    "tuple_type": "this is a list",
    "list_type": "this is a list",
    "path_type": "this is the path of a file or folder",
    "byte_size": "this is a number of bytes, e.g. 768 MiB",
    "byte_size_unit": "this is a number of bytes with a unit B, KB, MB, GB, KiB, MiB or GiB",
    "finite_number": "this is a finite number",
}


_AUTO = "literal['auto']"
"""Where pydantic says that a value is not the word `auto`, beside what else is wrong with it."""

_AUTO_OR_NULL = "; auto and null are understood as well"


@dataclass(frozen=True, slots=True)
class Finding:
    """Where, and what to do."""

    loc: Loc
    message: str
    about_key: bool
    """The key itself is unknown or missing; the spot is the key's, not the value's."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` when something known is close, else the list of what is known."""
    names = sorted(known)
    if close := get_close_matches(word, names, n=1, cutoff=0.7):
        return f", did you mean {close[0]!r}?"
    return f"; known: {', '.join(names)}" if names else ""


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def known_keys(model: type[BaseModel], loc: Loc) -> set[str]:
    """The keys that the mapping at `loc` below `model` understands.

    Parts of `loc` that are no key of a section (list positions, names in a mapping) are passed over.
    """
    here = [model]
    for part in loc:
        here = [child for one in here for child in _models(_annotations(one).get(str(part)))] or here
    return {key for one in here for key in _annotations(one)}


def _message(error: Mapping[str, Any], model: type[BaseModel], also: Iterable[str]) -> str:
    kind, loc = error["type"], error["loc"]
    match kind:
        case "extra_forbidden":
            known = known_keys(model, loc[:-1]) | (set(also) if len(loc) == 1 else set())
            return f"unknown key {str(loc[-1])!r}{did_you_mean(str(loc[-1]), known)}"
        case "missing":
            return f"the key {str(loc[-1])!r} is missing{_purpose(model, loc)}"
        case "value_error" | "assertion_error":
            return said(error)
        case "literal_error" | "enum":
            return f"this is one of {(error.get('ctx') or {}).get('expected')}"
        case _:
            subject, _, rest = said(error).partition(" should ")
            return _PLAIN.get(kind, f"this should {rest}" if rest else subject)


def _purpose(model: type[BaseModel], loc: Loc) -> str:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    field = fields.get(str(loc[-1])) if len(loc) == 1 else None
    return f": {field.description}" if field is not None and field.description else ""


def findings(error: ValidationError, model: type[BaseModel], also: Iterable[str] = ()) -> list[Finding]:
    """Everything that a validation of `model` found; `also` are keys understood beside its own."""
    found = error.errors(include_url=False, include_input=False)
    automatic = {one["loc"][:-1] for one in found if one["loc"][-1:] == (_AUTO,)}
    return [
        Finding(
            tuple(one["loc"]),
            _message(one, model, also) + (_AUTO_OR_NULL if one["loc"][:-1] in automatic else ""),
            about_key=one["type"] in {"extra_forbidden", "missing"},
        )
        for one in found
        if one["loc"][-1:] != (_AUTO,)
    ]
