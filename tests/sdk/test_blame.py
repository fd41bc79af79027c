"""Whose fault a refusal was: nothing is parked for the destination's, nobody waits long for an event's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.blame import NEAR_S, PATIENCE, Blame, Doubt
from tests.factories.events import make_entry

REFUSED = Doubt(reason="400", refusal=True)
FAILED = Doubt(reason="500")
SILENT = Doubt(reason="no answer", stops=True)
OK = Delivered()
ENTRIES = [make_entry(n) for n in range(12)]


def in_a_row(answers):
    """As answers to events that are sent one after the other."""
    last = max((at for at, answer in enumerate(answers) if answer == OK), default=-1)
    return [replace(a, overtaken=last > at) if isinstance(a, Doubt) else a for at, a in enumerate(answers)]


def judged(blame, *answers, first=0):
    return blame.judge(ENTRIES[first : first + len(answers)], in_a_row(answers))


def kinds(outcomes):
    return [type(outcome) for outcome in outcomes]


def alone(blame, answer, times, at=0):
    return [judged(blame, answer, first=at)[0] for _ in range(times)]


def test_refused_while_a_later_one_got_through_it_is_rejected():
    assert judged(Blame(), OK, REFUSED, REFUSED, OK) == [OK, Rejected("400"), Rejected("400"), OK]


def test_failed_while_a_later_one_got_through_it_is_tried_again():
    assert judged(Blame(), FAILED, OK) == [Retry("500"), OK]


def test_when_none_gets_through_the_destination_is_blocked():
    assert judged(Blame(), REFUSED, FAILED, REFUSED) == [Blocked("400"), Blocked("500"), Blocked("400")]


def test_at_the_end_of_a_batch_it_is_only_put_off():
    """The secret may have been changed just then."""
    assert judged(Blame(), OK, OK, REFUSED, REFUSED) == [OK, OK, Retry("400"), Retry("400")]


def test_what_was_put_off_is_rejected_once_others_got_through():
    blame = Blame()
    judged(blame, OK, REFUSED)
    judged(blame, OK, first=5)

    assert judged(blame, REFUSED, first=1) == [Rejected("400")]


def test_what_was_put_off_is_put_off_again_when_the_last_success_is_long_ago():
    """It may be another outage, that found it on its next attempt; the third refusal is its own."""
    now = [0.0]
    blame = Blame(lambda: now[0])
    judged(blame, OK, REFUSED)
    answers = []
    for _ in range(2):
        judged(blame, OK, first=5)
        now[0] += NEAR_S
        answers += judged(blame, REFUSED, first=1)

    assert answers == [Retry("400"), Rejected("400")]


def test_a_success_that_was_sent_before_the_refusal_came_proves_nothing():
    """Several sources at once: the receiver broke for all in the middle of the batch."""
    blame = Blame()

    assert blame.judge(ENTRIES[:3], [REFUSED, OK, REFUSED]) == [Retry("400"), OK, Retry("400")]


def test_what_was_put_off_blocks_while_nothing_got_through_since():
    blame = Blame()
    judged(blame, OK, REFUSED)

    assert judged(blame, REFUSED, first=1) == [Blocked("400")]


def test_a_failure_that_is_its_own_stays_its_own():
    blame = Blame()
    judged(blame, FAILED, OK)

    assert alone(blame, FAILED, 3) == [Retry("500")] * 3


def test_one_event_alone_is_set_aside_after_patience():
    outcomes = alone(Blame(), REFUSED, PATIENCE)

    assert outcomes == [Blocked("400")] * (PATIENCE - 1) + [Retry("400")]


def test_patience_grows_while_nothing_gets_through_and_is_back_afterwards():
    blame = Blame()
    alone(blame, REFUSED, PATIENCE)

    assert kinds(alone(blame, REFUSED, PATIENCE, at=1)) == [Blocked] * PATIENCE
    assert kinds(alone(blame, REFUSED, 4 * PATIENCE, at=1))[-1] is Retry
    judged(blame, OK, first=5)
    assert kinds(alone(blame, REFUSED, PATIENCE, at=2))[-1] is Retry


def test_another_event_in_between_begins_the_count_anew():
    blame = Blame()
    alone(blame, REFUSED, PATIENCE - 1)
    judged(blame, REFUSED, first=1)

    assert kinds(alone(blame, REFUSED, PATIENCE - 1)) == [Blocked] * (PATIENCE - 1)


def test_silence_blocks_even_when_others_got_through():
    assert judged(Blame(), OK, SILENT, Blocked("no answer")) == [
        OK,
        Blocked("no answer"),
        Blocked("no answer"),
    ]


def test_an_event_that_never_gets_an_answer_is_set_aside_too():
    assert kinds(alone(Blame(), SILENT, PATIENCE))[-1] is Retry


def test_a_wrong_secret_for_a_week_parks_nothing():
    """A probe a minute, always with the oldest event; what is set aside lets the next one be the oldest."""
    blame, at, moved = Blame(), 0, 0
    for _ in range(7 * 24 * 60):
        (outcome,) = judged(blame, REFUSED, first=at)
        assert not isinstance(outcome, Rejected)
        if isinstance(outcome, Retry):
            at, moved = at + 1, moved + 1

    assert 1 <= moved <= 6


@pytest.mark.parametrize("poison", [REFUSED, FAILED, SILENT])
def test_two_poisoned_events_in_a_row_hold_up_nobody_for_ever(poison):
    blame, at, outcomes = Blame(), 0, []
    while OK not in outcomes and len(outcomes) < 1000:
        outcomes += judged(blame, poison if at < 2 else OK, first=at)
        at += not isinstance(outcomes[-1], Blocked)

    assert OK in outcomes
    assert len(outcomes) == 6 * PATIENCE + 1


ANSWERS = st.sampled_from([OK, REFUSED, FAILED, SILENT, Blocked("down"), Rejected("413"), Retry("later")])


@given(st.lists(st.lists(ANSWERS, min_size=1, max_size=6), max_size=30))
def test_every_answer_gets_one_outcome_and_clear_ones_stay(batches):
    blame = Blame()
    for answers in batches:
        outcomes = judged(blame, *answers)

        assert len(outcomes) == len(answers)
        for answer, outcome in zip(answers, outcomes, strict=True):
            assert isinstance(answer, Doubt) or outcome == answer
            assert not isinstance(outcome, Doubt)
            if answer is FAILED or answer is SILENT:
                assert isinstance(outcome, Retry | Blocked)


@given(st.lists(st.lists(st.sampled_from([REFUSED, FAILED, SILENT]), min_size=1, max_size=6), max_size=30))
def test_where_nothing_ever_got_through_nothing_is_rejected(batches):
    blame = Blame()

    outcomes = [outcome for answers in batches for outcome in judged(blame, *answers)]

    assert not [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
