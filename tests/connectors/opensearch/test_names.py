"""Index names: by event time, clamped, by tenant, and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.opensearch import OpenSearchOptions
from connectors.opensearch.names import DAY_MS, Names, ended_ms
from hub.model.event import Header

NOW_MS = 1_760_000_000_000  # 2025-10-09
FIRST_HARMLESS = 1_577_836_800_000  # 2020-01-01


def header(time_ms=NOW_MS, recorded_ms=NOW_MS, tenant="acme"):
    return Header(
        tenant=tenant, source="s", class_uid=4009, code="c", severity=1, domain="", time_ms=time_ms,
        recorded_ms=recorded_ms,
    )  # fmt: skip


def names(**options):
    return Names(OpenSearchOptions(url="https://search.example", **options))


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("period", "expected"), [("day", "mxhub-2025.10.09"), ("month", "mxhub-2025.10"), ("year", "mxhub-2025")]
)
def test_the_index_is_that_of_the_event_s_time(period, expected):
    assert names(period=period).index(header()) == expected


def test_months_end_at_midnight_utc():
    last = ms("2025-10-31T23:59:59.999")

    assert names().index(header(last, last)) == "mxhub-2025.10"
    assert names().index(header(last + 1, last + 1)) == "mxhub-2025.11"


@pytest.mark.parametrize("wild", [-(2**63), -1, 0, 1, 2**53, 2**63 - 1])
def test_a_hostile_time_makes_no_wild_index(wild):
    index = names(past_days=60).index(header(time_ms=wild))

    assert index in {"mxhub-2025.08", "mxhub-2025.10"}


def test_tomorrow_is_believed_and_the_day_after_is_not():
    wanted = names(period="day")

    assert wanted.index(header(time_ms=NOW_MS + DAY_MS)) == "mxhub-2025.10.10"
    assert wanted.index(header(time_ms=NOW_MS + 2 * DAY_MS)) == "mxhub-2025.10.10"


def test_nothing_goes_to_an_index_that_retention_is_about_to_delete():
    index = names(keep_days=10, period="day").index(header(time_ms=NOW_MS - 300 * DAY_MS))

    assert index == "mxhub-2025.09.29"


@given(st.integers(), st.integers(FIRST_HARMLESS, FIRST_HARMLESS * 2), st.integers(1, 400))
def test_whatever_the_event_says_its_index_is_within_the_bounds(time_ms, recorded_ms, past):
    index = names(past_days=past, period="day").index(header(time_ms, recorded_ms))

    assert recorded_ms - past * DAY_MS < ended_ms(index) <= recorded_ms + 2 * DAY_MS


@given(st.integers(), st.integers(FIRST_HARMLESS, FIRST_HARMLESS * 2))
def test_an_event_has_one_index_for_ever(time_ms, recorded_ms):
    first = names().index(header(time_ms, recorded_ms))

    assert names().index(header(time_ms, recorded_ms)) == first


@pytest.mark.parametrize("tenant", ["acme", "acme-corp", "a.b_c", "0"])
def test_a_tenant_s_own_index_carries_its_name(tenant):
    assert names(per_tenant=True).index(header(tenant=tenant)) == f"mxhub-{tenant}-2025.10"


@pytest.mark.parametrize("tenant", ["Acme", "a/b", "..", "é", "x" * 500, 'a"b\n', "\ud800", "-a", "*"])
def test_any_tenant_gives_a_legal_name_of_its_own(tenant):
    index = names(per_tenant=True).index(header(tenant=tenant))

    assert index == index.lower()
    assert not set(index) & set('\\/*?"<>| ,#:\n')
    assert len(index.encode()) <= 255
    assert index != names(per_tenant=True).index(header(tenant=tenant.lower() + "x"))


def test_tenants_that_differ_in_case_only_stay_apart():
    wanted = names(per_tenant=True)

    assert wanted.index(header(tenant="Acme")) != wanted.index(header(tenant="acme"))


def test_the_cache_is_bounded(monkeypatch):
    monkeypatch.setattr("connectors.opensearch.names._MOST_CACHED", 3)
    wanted = names(period="day")
    for day in range(10):
        wanted.index(header(NOW_MS - day * DAY_MS))

    assert len(wanted._cache) <= 3


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ("mxhub-2025.10.09", "2025-10-10"),
        ("mxhub-2025.12.31", "2026-01-01"),
        ("mxhub-2025.10", "2025-11-01"),
        ("mxhub-2025.12", "2026-01-01"),
        ("mxhub-acme-2024.02", "2024-03-01"),
        ("mxhub-2025", "2026-01-01"),
    ],
)
def test_a_name_says_when_its_period_ended(index, expected):
    assert ended_ms(index) == ms(expected)


@pytest.mark.parametrize(
    "index",
    ["mxhub", "mxhub-2025.13", "mxhub-2025.00", "mxhub-2025.02.30", "mxhub-9999", "mxhub-0000", "other", ""],
)
def test_a_name_without_a_period_has_no_end(index):
    assert ended_ms(index) is None
