import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reports.period import BadPeriod, parse_period
from core.store.clock import DAY_MS, HOUR_MS, iso_seconds
from tests.factories.core import NOW_MS


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("24h", "2026-04-30T08:00:00Z", "2026-05-01T08:00:00Z"),
        ("7d", "2026-04-24T08:00:00Z", "2026-05-01T08:00:00Z"),
        ("today", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"),
        ("yesterday", "2026-04-30T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-W01", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z"),
        ("2026-05-01", "2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"),
        ("2026-05-01..2026-05-14", "2026-05-01T00:00:00Z", "2026-05-15T00:00:00Z"),
    ],
)
def test_each_form_of_a_period(text, begin, end):
    found = parse_period(text, NOW_MS)

    assert (iso_seconds(found.from_ms), iso_seconds(found.to_ms)) == (begin, end)


@pytest.mark.parametrize(
    "text",
    ["", "x", "0d", "2026-13", "2026-W54", "2026-02-30", "2026-05-02..2026-05-01", "99999d", "1960-01",
     "9999-12-31", "20260501", "..", "2000-01-01..2026-01-01"],
)  # fmt: skip
def test_what_is_no_period_is_refused(text):
    with pytest.raises(BadPeriod, match="period"):
        parse_period(text, NOW_MS)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"[0-9]{1,6}[hd]|[0-9]{4}-W?[0-9]{2}", fullmatch=True)))
def test_any_text_is_a_period_of_whole_hours_or_refused(text):
    try:
        found = parse_period(text, NOW_MS)
    except BadPeriod:
        return
    assert 0 <= found.from_ms < found.to_ms
    assert found.from_ms % HOUR_MS == found.to_ms % HOUR_MS == 0
    assert found.to_ms - found.from_ms <= 3_660 * DAY_MS
