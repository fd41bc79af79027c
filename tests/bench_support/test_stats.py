"""The figures of the bench are only as good as their quantiles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.stats import median, quantile, spread

numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50)


@given(numbers, st.floats(0, 1))
def test_a_quantile_is_a_value_that_enough_values_do_not_exceed(values, share):
    found = quantile(values, share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


@given(numbers)
def test_the_extremes_are_the_least_and_the_most(values):
    assert (quantile(values, 0), quantile(values, 1)) == (min(values), max(values))


def test_p99_of_a_hundred_values_is_the_99th():
    assert quantile(range(1, 101), 0.99) == 99


@pytest.mark.parametrize(("values", "middle"), [([3, 1, 2], 2), ([4, 1, 2, 3], 2.5), ([7], 7)])
def test_the_median_is_in_the_middle(values, middle):
    assert median(values) == middle


def test_no_values_are_an_error():
    for function in (lambda: quantile([], 0.5), lambda: median([])):
        with pytest.raises(ValueError, match="no values"):
            function()


def test_a_spread_names_runs_and_extremes():
    assert spread([4012.4, 4263.9, 3839]) == "3 runs 3,839 to 4,264"
    assert spread([1.0]) == "1 run"
