import pytest

from hub.access.plans import DEFAULT, PLANS, Limits, of_a_person, of_plan, windows


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("default", [("minute", 100, 1000)]),
        ("free", [("minute", 60, 60), ("day", 1_000, 1_000)]),
        ("pro", [("minute", 300, 300), ("day", 10_000, 10_000)]),
        ("enterprise", [("minute", 1_000, 1_000)]),
        ("mxguard", [("minute", 60, 60), ("hour", 600, 600)]),
        ("mailguard", [("minute", 100, 1_000)]),
        ("mailchannels", [("second", 100, 100)]),
    ],
)
def test_each_plan_has_the_windows_of_its_page(plan, expected):
    found = [(one.name, one.limit, one.capacity) for one in windows(PLANS[plan])]

    assert found == expected


def test_only_the_tenants_second_is_shared():
    limits = Limits(per_minute=1, per_hour=1, per_day=1, tenant_per_second=1)

    assert [one.name for one in windows(limits) if one.shared] == ["second"]


def test_a_keys_figures_stand_in_place_of_the_plans():
    assert PLANS["free"].overridden({"per_minute": 600, "per_day": None}) == Limits(per_minute=600)
    assert DEFAULT.overridden(None) == DEFAULT


@pytest.mark.parametrize(
    "given",
    [{"burst": 11}, {"burst": 0}, {"burst": None}, {"per_minute": 0}, {"per_day": "1"}, {"per_hour": True}],
)
def test_a_figure_out_of_range_is_refused_by_name(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        DEFAULT.overridden(given)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ("free", Limits(per_minute=60)),
        ("mxguard", Limits(per_minute=60)),
        ("mailchannels", Limits(per_minute=100, burst=10, tenant_per_second=100)),
        ("gone", DEFAULT),
    ],
)
def test_a_person_has_the_minute_and_the_second_of_the_tenants_plan(plan, expected):
    assert of_a_person(of_plan(plan, {})) == expected


def test_figures_of_the_tenant_are_its_peoples_too():
    assert of_a_person(of_plan("free", {"per_minute": 600, "burst": 2})) == Limits(per_minute=600, burst=2)


def test_an_unknown_limit_is_refused():
    with pytest.raises(ValueError, match="per_week"):
        DEFAULT.overridden({"per_week": 1})
