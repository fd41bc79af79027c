"""Vendor times of every form, and nothing hostile ever raises."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.times import iso, parse_ms, seconds_key

MS = 1_777_621_333_512


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01T07:42:13.512Z",
        "2026-05-01T07:42:13.512",
        "2026-05-01 07:42:13.512000",
        "2026-05-01T09:42:13.512+02:00",
        "20260501T074213.512Z",
        1_777_621_333.512,
        MS,
        MS * 1000,
        MS * 1_000_000,
        str(MS),
        "1777621333.512",
    ],
)
def test_every_form_is_the_same_moment(value: Any) -> None:
    assert parse_ms(value) in {MS, MS - 1}


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "yesterday",
        "2026-13-01",
        5,
        -1,
        0,
        float("nan"),
        float("inf"),
        10**40,
        [],
        {},
        "1e9",
        "٢٠٢٦",
        "9" * 80,
    ],
)
def test_what_is_no_time_is_none(value: Any) -> None:
    assert parse_ms(value) is None


@given(st.one_of(st.text(st.characters(codec=None)), st.integers(), st.floats(), st.booleans(), st.none()))
def test_hostile_values_never_raise(value: Any) -> None:
    assert isinstance(parse_ms(value), int | None)


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_every_datetime_parses(moment: Any) -> None:
    assert parse_ms(moment.isoformat()) is not None


@pytest.mark.parametrize(
    "value",
    [
        "2026-05-01T07:42:13Z",
        "2026-05-01T07:42:13.999Z",
        "2026-05-01T09:42:13+02:00",
        1_777_621_333,
        1_777_621_333_999,
    ],
)
def test_identity_has_whole_seconds_in_utc(value: Any) -> None:
    assert seconds_key(value) == "2026-05-01T07:42:13Z"


@pytest.mark.parametrize("value", ["soon", "2026-05-01T07:42:99Z", "2026-99-01T07:42:13Z"])
def test_text_that_is_no_time_stands_for_itself(value: str) -> None:
    assert seconds_key(value) == value


def test_iso_shows_milliseconds_only_where_there_are_any() -> None:
    assert iso(MS) == "2026-05-01T07:42:13.512Z"
    assert iso(MS - 512) == "2026-05-01T07:42:13Z"
