"""Where a walk begins, and what it remembers."""

import msgspec
import pytest

from hub.sdk.walking import begin_ms, dump, load, newest


class State(msgspec.Struct, omit_defaults=True):
    high: int | None = None


@pytest.mark.parametrize(
    ("high", "lookback_s", "begin"),
    [
        (None, None, None),
        (900, None, 800),
        (5_000, None, 900),
        (50, None, 0),
        (900, 0.3, 700),
        (None, 5.0, 0),
    ],
)
def test_a_walk_begins_before_what_was_seen_and_never_ahead_of_now(high, lookback_s, begin):
    assert begin_ms(high, 1_000, overlap_ms=100, lookback_s=lookback_s) == begin


def test_a_state_comes_back_as_it_was_kept():
    assert load(dump(State(high=7)), State) == (State(high=7), None)
    assert load(None, State) == (State(), None)


@pytest.mark.parametrize("cursor", ["", "x", '{"high":"soon"}', "[]"])
def test_a_cursor_that_cannot_be_read_begins_anew_and_says_so(cursor):
    state, gap = load(cursor, State)

    assert state == State()
    assert gap is not None
    assert "read again from its beginning" in gap


def test_the_newest_of_no_times_is_none():
    assert (newest(None, None), newest(3, None, 5)) == (None, 5)
