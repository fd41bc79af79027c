"""When alerts are counted instead of sent."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.pipeline import storm
from hub.pipeline.storm import Group, StormRule, Storms, groups_of
from hub.sdk.alerts import alert_of
from tests.factories.stages import entry

RULE = StormRule(after=3, within_ms=60_000)
SENDER = Group("acme", "quarantine.added", "sender", "spam@evil.example")
DOMAIN = Group("acme", "quarantine.added", "domain", "acme.example")
OTHER = Group("acme", "quarantine.added", "sender", "other@evil.example")
BOTH = (SENDER, DOMAIN)


def play(storms, now, alerts, groups=BOTH):
    """Send them as a lane does; which of them were counted."""
    planned = storms.plan([groups] * alerts, now)
    for found in planned:
        if found is None:
            storms.sent(groups, now)
        else:
            storms.counted(found, now)
    return planned


def test_the_first_few_are_sent_and_the_rest_counted_with_their_sender():
    assert play(Storms(RULE), 0, 5) == [None, None, None, SENDER, SENDER]


def test_another_sender_s_alerts_in_the_same_domain_count_with_the_domain():
    storms = Storms(RULE)
    play(storms, 0, 4)

    assert play(storms, 1000, 1, (OTHER, DOMAIN)) == [DOMAIN]


def test_what_is_only_counted_fills_no_window():
    storms = Storms(StormRule(after=3, within_ms=60_000))
    play(storms, 0, 2)
    play(storms, 0, 50, (SENDER,))

    assert play(storms, 0, 1, (OTHER, DOMAIN)) == [None]


def test_a_plan_that_came_to_nothing_changes_nothing():
    storms = Storms(RULE)
    storms.plan([BOTH] * 10, 0)

    assert play(storms, 0, 4) == [None, None, None, SENDER]


def test_a_quiet_window_ends_the_storm():
    storms = Storms(RULE)
    play(storms, 0, 9)

    assert play(storms, 60_000 + 60_000, 1) == [None]


def test_a_storm_that_goes_on_sends_nothing_but_its_count():
    storms = Storms(RULE)
    play(storms, 0, 9)

    assert play(storms, 90_000, 3) == [SENDER] * 3
    assert play(storms, 149_999, 1) == [SENDER]
    assert play(storms, 209_999, 1) == [SENDER]


def test_a_window_without_a_storm_ends_with_its_time():
    storms = Storms(RULE)
    play(storms, 0, 3)

    assert play(storms, 60_000, 3) == [None, None, None]


def test_a_count_is_due_at_the_end_of_its_window():
    storms = Storms(RULE)
    play(storms, 1_000, 4)

    assert storms.due_ms(SENDER, 30_000) == 61_000
    assert storms.due_ms(OTHER, 30_000) == 90_000


@given(st.lists(st.tuples(st.integers(0, 90_000), st.integers(1, 12), st.booleans()), max_size=40))
def test_however_they_come_few_are_sent_in_any_window(rounds):
    storms, now, sent = Storms(RULE), 0, Counter()
    for wait, alerts, first in rounds:
        now += wait
        groups = BOTH if first else (OTHER, DOMAIN)
        sent[now] += play(storms, now, alerts, groups).count(None)

    for start in sent:  # windows are fixed: a sliding one may catch the ends of two
        assert sum(n for at, n in sent.items() if start <= at < start + RULE.within_ms) <= 2 * RULE.after


def test_memory_is_bounded_however_many_senders_there_are(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(storm, "_MOST_WINDOWS", 50)
    storms = Storms(RULE)
    for n in range(500):
        storms.sent([Group("acme", "other", "sender", str(n))], n)

    assert len(storms._windows) <= 50


BODY = (
    b'{"from":"Spam@Evil.example","class_uid":4009,"metadata":{"uid":"x"},"email":{"from":"shown@x.example"}}'
)


def test_an_alert_counts_with_its_envelope_sender_first_and_its_domain_next():
    groups = groups_of(alert_of(entry(1, body=BODY)))

    assert groups == (SENDER, DOMAIN)


def test_the_hub_s_own_alerts_count_by_what_they_say():
    (group,) = groups_of(alert_of(entry(1, "hub.connector_blocked", body=BODY)))

    assert (group.by, group.name) == ("code", "hub.connector_blocked")
    assert group.key.startswith("storm:")


def test_what_waits_to_be_tried_again_begins_a_storm_but_is_not_counted_twice():
    storms = Storms(StormRule(2, 60_000))
    storms.tried([SENDER], 0)
    storms.tried([SENDER], 0)

    assert storms.plan([[SENDER]] * 2, 1_000) == [SENDER, SENDER]
    assert storms.plan([[SENDER]] * 3, 1_000, again=True) == [None, None, SENDER]
    assert storms.plan([[SENDER]], 61_000) == [None]


@pytest.mark.parametrize("body", [b"{}", b"no json", b'{"from":["x"]}', b'{"from":""}'])
def test_an_alert_without_a_sender_counts_with_its_domain_alone(body):
    assert groups_of(alert_of(entry(1, body=body))) == (DOMAIN,)


def test_keys_hide_names_and_tell_groups_apart():
    of_another_tenant = Group("globex", SENDER.kind, SENDER.by, SENDER.name)
    keys = {group.key for group in (SENDER, DOMAIN, OTHER, of_another_tenant)}

    assert len(keys) == 4
    assert all(key.startswith("storm:") and "@" not in key for key in keys)
