"""The Retry-After header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk.http import retry_after_s

NOW_S = 1_760_000_000.0  # Thu, 09 Oct 2025 08:53:20 GMT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Thu, 09 Oct 2025 08:54:20 GMT", 60.0),
        ("Thu, 09 Oct 2025 08:54:20 +0000", 60.0),
        ("Thursday, 09-Oct-25 08:54:20 GMT", 60.0),
        ("Thu Oct  9 08:54:20 2025", 60.0),
        ("Thu, 09 Oct 2025 08:50:00 GMT", 0.0),
        ("999999999999", 86_400.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("١٢", None),
        ("9" * 400, None),
    ],
)
def test_seconds_and_dates_are_understood_and_clamped(value, expected):
    assert retry_after_s(value, now_s=NOW_S) == expected


@given(st.text(max_size=70))
def test_any_text_gives_a_wait_within_a_day_or_none(text):
    wait = retry_after_s(text)

    assert wait is None or 0.0 <= wait <= 86_400.0
