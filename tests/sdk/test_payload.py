"""What a mapper takes is gone; what it does not understand stays."""

from typing import Any

import pytest

from hub.sdk.payload import Fields


def test_what_is_taken_is_gone_and_the_rest_is_unmapped() -> None:
    fields = Fields(
        {"a": "x", "b": 2, "c": True, "d": ["y"], "e": "2026-05-01T00:00:00Z", "f": 1.5, "new": {"z": 1}}
    )

    assert (fields.text("a"), fields.integer("b"), fields.flag("c"), fields.strings("d")) == (
        "x",
        2,
        True,
        ["y"],
    )
    assert fields.time("e") == (1_777_593_600_000, "2026-05-01T00:00:00Z")
    assert fields.number("f") == 1.5
    assert fields.unmapped() == {"new": {"z": 1}}


def test_the_first_synonym_that_fits_is_taken() -> None:
    fields = Fields({"from": 1.5, "sender": "a@b.example"})

    assert fields.text("from", "sender") == "a@b.example"
    assert fields.unmapped() == {"from": 1.5}


@pytest.mark.parametrize(
    ("take", "value"),
    [
        ("text", ""),
        ("text", ["x"]),
        ("text", True),
        ("integer", 1.0),
        ("integer", True),
        ("integer", 2**80),
        ("number", "1"),
        ("flag", 1),
        ("strings", [1, "x"]),
        ("strings", {"a": 1}),
    ],
)
def test_a_value_of_another_type_stays_visible(take: str, value: Any) -> None:
    fields = Fields({"a": value})

    assert getattr(fields, take)("a") in (None, [])
    assert fields.unmapped() == {"a": value}


def test_a_numeric_id_is_text() -> None:
    assert Fields({"id": 17}).text("id") == "17"


def test_an_inner_object_keeps_its_place_in_what_is_left() -> None:
    fields = Fields({"actor": {"name": "x", "team": "y"}, "other": {"name": "z"}})

    assert fields.inner("actor").text("name") == "x"
    assert fields.inner("other").text("name") == "z"
    assert fields.inner("absent").text("name") is None
    assert fields.unmapped() == {"actor": {"team": "y"}}


def test_nulls_are_nothing_and_the_payload_is_not_changed() -> None:
    payload = {"a": None, "b": "x"}
    fields = Fields(payload)
    fields.text("b")

    assert fields.unmapped() is None
    assert payload == {"a": None, "b": "x"}


def test_what_has_no_place_can_be_put_back() -> None:
    fields = Fields({"ip": "x"})
    fields.leave("ip", fields.text("ip"))
    fields.leave("empty", "")

    assert fields.unmapped() == {"ip": "x"}
