from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.web.times import duration_ms, iso, parse_time

NOW = int(datetime(2026, 5, 1, 12, 30, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-01T12:00:00Z", "2026-05-01T12:00:00.000Z"),
        ("2026-05-01T14:00:00+02:00", "2026-05-01T12:00:00.000Z"),
        ("2026-05-01", "2026-05-01T00:00:00.000Z"),
        ("1777636800", "2026-05-01T12:00:00.000Z"),
        ("1777636800123", "2026-05-01T12:00:00.123Z"),
        ("1777636800.5", "2026-05-01T12:00:00.500Z"),
        ("now", "2026-05-01T12:30:00.000Z"),
        ("2h", "2026-05-01T10:30:00.000Z"),
        ("90 min ago", "2026-05-01T11:00:00.000Z"),
        ("7d", "2026-04-24T12:30:00.000Z"),
        ("today", "2026-05-01T00:00:00.000Z"),
        ("Yesterday", "2026-04-30T00:00:00.000Z"),
    ],
)
def test_every_form_gives_its_time(text, expected):
    assert iso(parse_time(text, now_ms=NOW)) == expected


def test_words_count_in_the_given_zone():
    berlin = timezone(timedelta(hours=2))

    assert iso(parse_time("today", now_ms=NOW, zone=berlin)) == "2026-04-30T22:00:00.000Z"


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "-5", "1e9", "999999999999999", "9999999d", "0001-01-01"]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"time|outside"):
        parse_time(text, now_ms=NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text):
    try:
        parsed = parse_time(text, now_ms=NOW)
    except ValueError:
        return
    assert iso(parsed)


@pytest.mark.parametrize(
    ("text", "expected"), [("90", 90_000), ("1.5h", 5_400_000), ("250ms", 250), ("1d", 86_400_000)]
)
def test_durations(text, expected):
    assert duration_ms(text) == expected


def test_no_duration_is_refused():
    with pytest.raises(ValueError, match="duration"):
        duration_ms("long")
