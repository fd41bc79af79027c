from hypothesis import given
from hypothesis import strategies as st

from core.engine.reputation import LIST_BELOW, UNLIST_ABOVE, Standing, observe

ACTIONS = st.lists(st.sampled_from(["deliver", "tag", "quarantine", "reject"]), max_size=80)


@given(ACTIONS)
def test_crossings_alternate_and_follow_the_list_state(actions):
    standing = Standing(ip="203.0.113.7")
    directions = []
    for action in actions:
        before = standing
        standing, crossing = observe(standing, action)
        assert (crossing is not None) == (before.listed != standing.listed)
        if crossing is not None:
            directions.append(crossing.direction)
            assert crossing.previous_score == before.score

    assert directions == ["listed", "unlisted"] * (len(directions) // 2) + ["listed"] * (len(directions) % 2)
    assert standing.messages == len(actions)
    assert 0.0 <= standing.score <= 100.0


def test_bad_mail_lists_an_address_once_and_good_mail_takes_it_off():
    standing = Standing(ip="203.0.113.7")
    crossings = []
    for action in ["quarantine"] * 12 + ["deliver"] * 12:
        standing, crossing = observe(standing, action)
        crossings += [] if crossing is None else [crossing]

    assert [crossing.direction for crossing in crossings] == ["listed", "unlisted"]
    assert crossings[0].standing.score < LIST_BELOW
    assert crossings[1].standing.score > UNLIST_ABOVE
