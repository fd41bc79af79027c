"""MxGuard's scale of scores."""

from hypothesis import given
from hypothesis import strategies as st

from core.engine.scales import engine_score, mx_score
from core.engine.verdict import Thresholds, action_of

THEIRS = {"deliver": (0.0, 0.5), "tag": (0.5, 0.75), "quarantine": (0.75, 0.97), "reject": (0.97, 1.01)}


@given(st.floats(-50, 100), st.floats(0, 20))
def test_scores_keep_their_order_and_fall_where_the_page_puts_their_verdict(score, more):
    low, high = THEIRS[action_of(score, Thresholds())]

    assert low <= mx_score(score) <= high
    assert mx_score(score) <= mx_score(score + more)


@given(st.integers(0, 100))
def test_what_their_scale_can_say_comes_back_from_ours(hundredths):
    assert mx_score(engine_score(hundredths / 100)) == hundredths / 100


def test_the_usual_limits_of_both_meet():
    usual = Thresholds()

    assert [engine_score(one) for one in (0.50, 0.75, 0.97)] == [usual.tag, usual.quarantine, usual.reject]
