"""JSON is decoded tolerantly and cut exactly."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.jsontext import decode, elements, members, more_than

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
SPACING = st.sampled_from([None, 1, "\t"])


@given(st.lists(JSON, max_size=4), SPACING)
def test_elements_are_the_exact_bytes_of_an_array(values: list[Any], indent: Any) -> None:
    parts = elements(json.dumps(values, indent=indent).encode())

    assert [repr(json.loads(part)) for part in parts] == [repr(json.loads(json.dumps(v))) for v in values]
    assert all(part in json.dumps(values, indent=indent).encode() for part in parts)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4), SPACING)
def test_members_are_the_exact_bytes_of_an_object(values: dict[str, Any], indent: Any) -> None:
    parts = members(json.dumps(values, indent=indent).encode())

    assert {k: repr(json.loads(p)) for k, p in parts.items()} == {
        k: repr(json.loads(json.dumps(v))) for k, v in values.items()
    }


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'"\\ud800"', "\ud800"),
        (b"NaN", float("nan")),
        (b"\xef\xbb\xbf{}", {}),
        (b"1e999", float("inf")),
        (b'{"a":1,"a":2}', {"a": 2}),
    ],
)
def test_what_python_takes_is_taken(raw: bytes, value: object) -> None:
    assert repr(decode(raw)) == repr(value)


@given(st.binary(max_size=30) | st.text('[]{},:"\\u0d8 \n1', max_size=30).map(str.encode))
def test_anything_else_is_a_value_error(raw: bytes) -> None:
    ends = set()
    for read in (decode, elements, members):
        try:
            read(raw)
            ends.add("read")
        except ValueError:
            ends.add("ValueError")

    assert ends <= {"read", "ValueError"}


@pytest.mark.parametrize("raw", [b"[" * 100_000, b'{"a":' * 100_000])
def test_deep_nesting_is_a_value_error(raw: bytes) -> None:
    for read in (decode, elements, members):
        with pytest.raises(ValueError, match=r"."):
            read(raw)


@given(st.lists(JSON, max_size=8), SPACING, st.integers(0, 10))
def test_an_array_is_counted_without_being_built(values: list[Any], indent: Any, most: int) -> None:
    assert more_than(most, json.dumps(values, indent=indent).encode()) == (len(values) > most)


@pytest.mark.parametrize("raw", [b"[NaN,1,2]", b'["\\ud800",1,2]', b"\xef\xbb\xbf[1,2,3]"])
def test_an_array_that_only_python_takes_is_counted_too(raw: bytes) -> None:
    assert more_than(2, raw)
    assert not more_than(3, raw)


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b'{"a":[1,2,3]}', b"[1,2", b"[1,,2]", b"[" * 100_000, b"\xff[1,2,3]"]
)
def test_what_is_no_array_has_not_too_many(raw: bytes) -> None:
    assert not more_than(1, raw)
