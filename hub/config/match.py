"""Which events a connector wants, as it is written in the configuration.

`match` is a list of conditions: an event is wanted when any of them holds, and one holds when every key it
names does.
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from hub.config.section import Section
from hub.config.values import OneOrMany, as_tuple

__all__ = ["SEVERITIES", "Match"]

SEVERITIES = {
    "unknown": 0,
    "informational": 1,
    "low": 2,
    "medium": 3,
    "high": 4,
    "critical": 5,
    "fatal": 6,
    "other": 99,
}
"""OCSF 1.8 `severity_id`; `other` stands outside the order."""
_ORDERED = tuple(sorted(number for number in SEVERITIES.values() if number <= SEVERITIES["fatal"]))
_SEVERITY = re.compile(r"(>=|<=|>|<|=)?\s*([a-z]+|\d{1,2})")


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("an empty list matches nothing; leave the key out for what the kind usually gets")
    return values


def _wildcard(text: str) -> str:
    if "*" in text[1:-1] or text.count("*") > 1:
        raise ValueError(f"{text!r}: one '*' is understood, at the start or at the end, as in 'quarantine.*'")
    return text


def _no_wildcard(text: str) -> str:
    if "*" in text:
        raise ValueError(f"{text!r}: wildcards work in 'code' and 'domain' only")
    return text


def _severity(value: Any) -> tuple[int, ...]:
    """One condition (`3`, `">=3"`, `high`, `">=high"`) as the numbers it means."""
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    found = _SEVERITY.fullmatch(str(value).strip().lower()) if plain else None
    number = -1 if found is None else int(found[2]) if found[2].isdecimal() else SEVERITIES.get(found[2], -1)
    if found is None or number not in SEVERITIES.values():
        names = ", ".join(f"{name} ({number})" for name, number in SEVERITIES.items())
        raise ValueError(f"{value!r} is no severity; write a name, a number or '>=3'. Known: {names}")
    return _compared(found[1] or "=", number)


def _compared(sign: str, number: int) -> tuple[int, ...]:
    match sign:
        case ">=":
            wanted = [n for n in _ORDERED if n >= number]
        case "<=":
            wanted = [n for n in _ORDERED if n <= number]
        case ">":
            wanted = [n for n in _ORDERED if n > number]
        case "<":
            wanted = [n for n in _ORDERED if n < number]
        case _:
            wanted = [number]
    if not wanted:
        raise ValueError(f"no severity is {sign}{number}")
    return tuple(wanted)


def _severities(value: Any) -> tuple[int, ...]:
    return tuple(sorted({number for one in as_tuple(value) for number in _severity(one)}))


_Exact = Annotated[
    str, Field(min_length=1), BeforeValidator(lambda v: _no_wildcard(v) if isinstance(v, str) else v)
]
_Pattern = Annotated[
    str, Field(min_length=1), BeforeValidator(lambda v: _wildcard(v) if isinstance(v, str) else v)
]
_Lower = Annotated[_Pattern, BeforeValidator(lambda v: v.lower() if isinstance(v, str) else v)]


_ONE_SEVERITY = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": _SEVERITY.pattern}]}
_SEVERITY_SCHEMA = WithJsonSchema({"anyOf": [_ONE_SEVERITY, {"type": "array", "items": _ONE_SEVERITY}]})


class Match(Section):
    """One condition; every key that is given must hold, a list means any of its values."""

    tenant: Annotated[tuple[_Exact, ...], OneOrMany()] | None = Field(
        None, description="tenant the event belongs to"
    )
    source: Annotated[tuple[_Exact, ...], OneOrMany()] | None = Field(
        None, description="name of the source in this configuration"
    )
    class_: Annotated[tuple[int, ...], OneOrMany()] | None = Field(
        None, alias="class", description="OCSF class_uid, e.g. 2004"
    )
    code: Annotated[tuple[_Pattern, ...], OneOrMany()] | None = Field(
        None, description="the vendor's event name, one '*' at the start or end: quarantine.*"
    )
    severity: Annotated[tuple[int, ...], BeforeValidator(_severities), _SEVERITY_SCHEMA] | None = Field(
        None, description="OCSF severity: a number, a name, or a comparison such as '>=3' or '>=high'"
    )
    domain: Annotated[tuple[_Lower, ...], OneOrMany()] | None = Field(
        None, description="mail domain the event concerns, one '*' at the start or end: *.example.com"
    )

    def model_post_init(self, _context: Any, /) -> None:
        """Refuse conditions that can never hold."""
        for value in self.rule().values():
            _some(tuple(value))

    def rule(self) -> dict[str, list[str | int]]:
        """The keys that are given, as the router's table wants them: `{"severity": [3, 4, 5, 6], ...}`."""
        given = self.model_dump(by_alias=True, exclude_none=True)
        return {key: list(values) for key, values in given.items()}
