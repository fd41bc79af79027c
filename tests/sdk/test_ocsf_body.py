"""An event may hold anything: reading it never raises."""

import pytest

from hub.sdk.ocsf_body import body_of, first, part, text


@pytest.mark.parametrize("raw", [b"", b"[1]", b"null", b"7", b'{"a":', b"\xff"])
def test_what_is_no_object_is_empty(raw):
    assert body_of(raw) == {}


def test_what_is_there_is_read():
    body = body_of(b'{"a": {"b": "c"}, "d": [{"e": 1}, 2]}')

    assert (text(part(body, "a"), "b"), first(body, "d")) == ("c", {"e": 1})


@pytest.mark.parametrize("value", ["null", "7", "[]", "[7]", "true"])
def test_what_is_of_another_type_is_empty(value):
    body = body_of(f'{{"a": {value}}}'.encode())

    assert (text(body, "a"), part(body, "a"), first(body, "a")) == ("", {}, {})
