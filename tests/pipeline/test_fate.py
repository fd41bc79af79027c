"""From outcomes to fates."""

from hypothesis import given
from hypothesis import strategies as st

from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.pipeline.fate import Limits, Settlement, decide, settle_head, settle_ordered

LIMITS = Limits(attempts=3, age_ms=10_000)


def test_delivered_is_delivered():
    assert decide(Delivered(), 0, 0, LIMITS).kind == "delivered"


def test_a_refused_event_is_parked_with_the_reason():
    fate = decide(Rejected("mapper_parsing_exception"), 0, 0, LIMITS)

    assert (fate.kind, fate.reason) == ("parked", "mapper_parsing_exception")


def test_a_retry_waits_at_least_as_long_as_was_asked():
    fate = decide(Retry("429", after_s=7.5), 0, 0, Limits())

    assert fate.kind == "retry"
    assert fate.after_ms >= 7500


def test_the_last_attempt_parks():
    fate = decide(Retry("503"), 2, 0, LIMITS)

    assert (fate.kind, fate.reason) == ("parked", "given up after 3 attempts: 503")


def test_an_event_tried_for_too_long_parks():
    assert decide(Retry("503"), 1, 10_000, LIMITS).kind == "parked"


def test_a_retry_never_waits_beyond_the_age_limit():
    fate = decide(Retry("503", after_s=3600), 0, 9_000, LIMITS)

    assert fate.after_ms == 1000


def test_all_blocked_settles_nothing():
    settlement = settle_head([Blocked("down"), Blocked("down")], LIMITS)

    assert settlement.fates == []
    assert settlement.blocked == Blocked("down")


def test_a_blocked_reference_before_a_settled_one_is_postponed_and_the_rest_stays():
    settlement = settle_head([Blocked("503"), Delivered(), Blocked("503")], LIMITS)

    assert [fate.kind for fate in settlement.fates] == ["postponed", "delivered"]
    assert settlement.blocked == Blocked("503")


def test_ordered_lets_nothing_overtake_a_retry():
    settlement = settle_ordered([Delivered(), Retry("busy", 2.0), Delivered()], LIMITS, attempts=0)

    assert [fate.kind for fate in settlement.fates] == ["delivered"]
    assert settlement.blocked is not None
    assert "busy" in settlement.blocked.reason


def test_ordered_moves_on_past_a_parked_event():
    settlement = settle_ordered([Rejected("bad"), Delivered()], LIMITS, attempts=0)

    assert [fate.kind for fate in settlement.fates] == ["parked", "delivered"]
    assert settlement.blocked is None


OUTCOMES = st.sampled_from([Delivered(), Rejected("r"), Retry("t"), Blocked("b")])


@given(st.lists(OUTCOMES, max_size=12))
def test_nothing_without_an_outcome_is_settled_as_if_it_had_one(outcomes):
    settlement = settle_head(outcomes, LIMITS)

    for outcome, fate in zip(outcomes, settlement.fates, strict=False):
        expected = {Delivered: "delivered", Rejected: "parked", Retry: "retry", Blocked: "postponed"}[
            type(outcome)
        ]
        assert fate.kind == expected
    left = outcomes[len(settlement.fates) :]
    assert all(isinstance(outcome, Blocked) for outcome in left)
    assert not left or settlement.blocked is not None


@given(st.lists(OUTCOMES, min_size=1, max_size=12), st.integers(0, 5))
def test_ordered_settles_up_to_the_first_trouble_and_blocks_the_rest(outcomes, attempts):
    settlement = settle_ordered(outcomes, LIMITS, attempts=attempts)

    ends = {Delivered: "delivered", Rejected: "parked", Retry: "parked"}
    for outcome, fate in zip(outcomes, settlement.fates, strict=False):
        assert fate.kind == ends[type(outcome)]
    assert (len(settlement.fates) < len(outcomes)) == (settlement.blocked is not None)


def test_ordered_waits_for_its_oldest_event_as_long_as_was_asked():
    settlement = settle_ordered([Retry("429", 30.0)], LIMITS, attempts=1)

    assert settlement == Settlement([], Blocked("ordered, waits for its oldest event: 429", 30.0))


def test_ordered_parks_an_event_after_its_last_attempt_and_moves_on():
    settlement = settle_ordered([Retry("503"), Delivered()], LIMITS, attempts=2)

    assert [(fate.kind, fate.reason) for fate in settlement.fates] == [
        ("parked", "given up after 3 attempts: 503"),
        ("delivered", ""),
    ]
    assert settlement.blocked is None
