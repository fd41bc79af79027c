"""What a stranger may send to a route: parts that fit its models, and parts that fit nothing."""

import types
import typing
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from pydantic import BaseModel

from hub.web.route import Route

__all__ = ["Sent", "requests"]

Sent = tuple[str, dict[str, str], Any]
"""Path, query, and what the body is as JSON: raw bytes stay as they are, None is none."""

_WORDS = st.sampled_from(
    (
        *(
            "acme.example",
            "Acme.Example.",
            "xn--",
            "xn--a.example",
            "a..b",
            "*",
            ".example",
            "a" * 64 + ".example",
        ),
        *(
            "jo@acme.example",
            "@",
            "@acme.example",
            "jo@",
            '"jo"@acme.example',
            "192.0.2.7",
            "10.0.0.0/33",
            "::1",
        ),
        *("https://siem.example/in", "http://[::1", "https://xn--/", "mail.example.com:99999", "[::1]:25"),
        *(
            "2026-05-01T07:42:13Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-W18",
            "2026-13",
        ),
        *(
            "%",
            "_",
            "' OR 1=1 --",
            "../..",
            "\x00",
            "\r\nX: y",
            "\u202e",
            "\ufeff",
            "=cmd()",
            "",
            " ",
            "1",
            "-1",
        ),
    )
)
_TEXTS = _WORDS | st.text(max_size=40)
_NUMBERS = st.sampled_from((0, 1, -1, 2**31, 2**63, 2**64, 10**40, -(2**63) - 1)) | st.integers(0, 1000)
_FLOATS = st.sampled_from((0.0, -0.0, 1e308, -1e308, 1e-320, 0.97)) | st.floats(0, 30)
_WILD = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _FLOATS | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_RAW = st.sampled_from(
    (
        *(b"", b"{", b"null", b"\xff", b"[" * 9000, b'{"a":' * 9000, b'{"name": "\\ud800"}', b'{"x": NaN}'),
        *(b'{"x": 1e999}', b'{"name": "a", "name": "b"}', b"\xef\xbb\xbf{}", b'{"x": ' + b"9" * 5000 + b"}"),
    )
)
_LIKELY = {
    "url": "https://siem.example/in",
    "domain": "acme.example",
    "pattern": "offer@deal.example",
    "item": "offer@deal.example",
    "login": "jo@acme.example",
    "recipient": "jo@acme.example",
    "sender": "deal.example",
    "host": "mail.example.net",
    "secret": "sixteen-characters-ok",
    "password": "correct horse battery",
    "since": "2026-05-01T07:42:13Z",
    "from": "2026-05-01T07:42:13Z",
    "to": "2026-05-02T07:42:13Z",
    "expires": "2027-05-01T07:42:13Z",
    "period": "week",
    "name": "new.example",
}
"""By what is in a field's name, where it takes text."""


def requests(route: Route, known: dict[str, str]) -> st.SearchStrategy[Sent]:
    """`known` are values of path parameters that name something; what is removed is seldom one of them."""
    of, names = (1, 8) if route.method == "DELETE" else (7, 8), _TEXTS.filter(bool)
    values = {name: _mostly(st.just(known.get(name, "x")), names, of) for name in route.names}
    path = st.fixed_dictionaries(values).map(
        lambda given: route.path.format(**{name: quote(text, safe="") for name, text in given.items()})
    )
    body = st.none() if route.body is None else _mostly(_model(route.body), _WILD | _RAW, (5, 6))
    query = st.just({}) if route.query is None else _model(route.query).map(_as_query)
    return st.tuples(path, query, body)


def _mostly(
    plain: st.SearchStrategy[Any], odd: st.SearchStrategy[Any], share: tuple[int, int]
) -> st.SearchStrategy[Any]:
    few, many = share
    return st.integers(1, many).flatmap(lambda number: plain if number <= few else odd)


def _as_query(values: dict[str, Any]) -> dict[str, str]:
    return {name: urlencode({"": value})[1:] for name, value in values.items() if value is not None}


def _model(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly what the fields take; half of the time one of them is nonsense."""
    infos = {info.alias or name: info for name, info in model.model_fields.items()}
    fits = {name: _named(name, info.annotation) for name, info in infos.items()}
    needed = {name: fits[name] for name, info in infos.items() if info.is_required()}
    others = {name: each for name, each in fits.items() if name not in needed}
    plain = st.fixed_dictionaries(needed, optional=others)
    if not fits:
        return plain
    odd = st.tuples(plain, st.sampled_from(sorted(fits)), _WILD).map(lambda it: {**it[0], it[1]: it[2]})
    return _mostly(plain, odd, (1, 2))


def _named(name: str, kind: Any) -> st.SearchStrategy[Any]:
    likely = next((text for part, text in _LIKELY.items() if part in name), None)
    fitting = _fitting(kind)
    return fitting if likely is None or str not in _kinds(kind) else _mostly(st.just(likely), fitting, (3, 4))


def _kinds(kind: Any) -> set[Any]:
    inner = typing.get_args(kind)
    return {kind}.union(*map(_kinds, inner)) if inner and typing.get_origin(kind) is not list else {kind}


def _fitting(kind: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _fitting(inner[0])
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*map(_fitting, inner))
    if origin is typing.Literal:
        return st.sampled_from(inner)
    if origin in (list, tuple, set, frozenset):
        return st.lists(_fitting(inner[0]), max_size=3)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return _model(kind)
    plain = {bool: st.booleans(), int: _NUMBERS | _WORDS, float: _FLOATS, str: _TEXTS, type(None): st.none()}
    return plain.get(kind, _TEXTS | _WILD)
