"""Alerts on transitions only."""

from hypothesis import given
from hypothesis import strategies as st

from core.dns.transition import Told, transition

STATES = ("healthy", "degraded", "unhealthy", "unknown")
BADNESS = {"unknown": 0, "healthy": 0, "degraded": 1, "unhealthy": 2}


def told(reports, *, confirm=2):
    state, events = Told(), []
    for report in reports:
        state, event = transition(state, report, confirm=confirm)
        events.append((event.event.removeprefix("dns.health_"), event.overall) if event else None)
    return events


def test_a_change_is_told_once_it_is_confirmed():
    assert told(["healthy"] * 2 + ["unhealthy"] * 4) == [None] * 3 + [("alert", "unhealthy"), None, None]


def test_a_recovery_is_told():
    assert told(["degraded"] * 2 + ["healthy"] * 2)[-1] == ("recovered", "healthy")


def test_a_domain_that_is_bad_from_the_start_is_told():
    assert told(["unhealthy"] * 2) == [None, ("alert", "unhealthy")]


def test_a_domain_that_is_well_from_the_start_is_not():
    assert told(["healthy"] * 5) == [None] * 5


def test_a_flap_is_not_told():
    assert told(["healthy"] * 2 + ["unhealthy", "healthy"] * 9) == [None] * 20


def test_two_bad_states_that_take_turns_are_told_as_the_milder():
    assert told(["healthy"] * 2 + ["degraded", "unhealthy"])[-1] == ("alert", "degraded")


def test_worse_is_told_and_better_but_not_well_is_not():
    events = told(["degraded"] * 2 + ["unhealthy"] * 2 + ["degraded"] * 3)

    assert events == [None, ("alert", "degraded"), None, ("alert", "unhealthy"), None, None, None]


def test_not_knowing_changes_nothing():
    plain = ["healthy", "healthy", "unhealthy", "unhealthy", "healthy", "healthy"]
    mixed = [each for report in plain for each in (report, "unknown")]

    assert [event for event in told(mixed) if event] == [event for event in told(plain) if event]


@given(st.lists(st.sampled_from(STATES), max_size=40), st.integers(1, 4))
def test_every_event_is_a_true_change_that_was_seen_often_enough(reports, confirm):
    state = Told()
    for position, report in enumerate(reports):
        before = state.overall
        state, event = transition(state, report, confirm=confirm)
        known = [each for each in reports[: position + 1] if each != "unknown"]
        if event is None:
            continue
        assert report != "unknown"
        assert event.overall == state.overall
        assert len(known) >= confirm
        last = known[-confirm:]
        if event.event == "dns.health_alert":
            assert BADNESS[event.overall] > BADNESS[before]
            assert all(BADNESS[each] > BADNESS[before] for each in last)
        else:
            assert BADNESS[before] > 0
            assert set(last) == {"healthy"}


@given(st.lists(st.sampled_from(STATES), max_size=30))
def test_whoever_stays_is_told_in_the_end(reports):
    state = Told()
    for report in [*reports, "healthy", "healthy"]:
        state, _ = transition(state, report)

    assert state == Told(overall="healthy")
