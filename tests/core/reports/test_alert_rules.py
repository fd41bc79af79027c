from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.reports.alert_rules import TYPES, BadRule, Measure, Rule, checked, due, message, step
from core.store.clock import DAY_MS, HOUR_MS
from tests.factories.core import NOW_MS

RULE = Rule(
    id="alr_1",
    tenant="default",
    name="",
    type="dmarc_failure",
    domain="",
    threshold=95,
    comparison="below",
    window_ms=7 * DAY_MS,
    frequency="immediate",
    minimum=10,
    enabled=True,
)


def test_the_message_reads_like_a_sentence():
    assert message(RULE) == "DMARC pass rate dropped below 95%"
    assert (
        message(replace(RULE, type="volume", comparison="above", threshold=5))
        == "Volume rose above 5 messages"
    )


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_a_whole_rule_by_itself(name):
    row = checked(type=name)

    assert row["threshold"] == TYPES[name].threshold
    assert row["settings"]["window_ms"] >= TYPES[name].shortest_ms


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "weather"}, "type"),
        ({"threshold": 101}, "threshold"),
        ({"threshold": -1}, "threshold"),
        ({"threshold": float("nan")}, "threshold"),
        ({"comparison": "near"}, "comparison"),
        ({"window_ms": HOUR_MS}, "window"),
        ({"window_ms": 500 * DAY_MS}, "window"),
        ({"frequency": "hourly"}, "frequency"),
        ({"minimum": -1}, "minimum"),
        ({"name": "x" * 300}, "name"),
    ],
)
def test_a_rule_that_cannot_be_names_the_field(changes, field):
    with pytest.raises(BadRule) as caught:
        checked(**{"type": "dmarc_failure", **changes})

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("frequency", "hours", "wanted"),
    [
        ("immediate", 0, True),
        ("daily", 16, False),  # 07:22 on a Friday, to 23:22
        ("daily", 17, True),
        ("weekly", 64, False),  # to Sunday, 23:22
        ("weekly", 65, True),
        ("daily", -1, False),
    ],
)
def test_a_rule_is_due_once_in_its_day_or_week(frequency, hours, wanted):
    assert due(frequency, NOW_MS, NOW_MS + hours * HOUR_MS) is wanted
    assert due(frequency, None, NOW_MS)


measures = st.one_of(st.none(), st.builds(Measure, st.floats(0, 100), st.sampled_from([0, 9, 10, 1_000])))


@given(st.lists(measures), st.sampled_from(["below", "above"]), st.floats(0, 100))
def test_an_alert_turns_exactly_when_the_last_evidence_changes_sides(series, comparison, threshold):
    rule = replace(RULE, comparison=comparison, threshold=threshold)
    is_open, told, evidence = False, [], []
    for measure in series:
        turn = step(rule, measure, is_open=is_open)
        if turn is not None:
            told.append(turn)
            is_open = turn == "triggered"
        if measure is not None and measure.messages >= rule.minimum:
            bad = measure.value < threshold if comparison == "below" else measure.value > threshold
            evidence.append(bad)
    sides = [side for side, before in zip(evidence, [False, *evidence], strict=False) if side != before]

    assert told == ["triggered" if side else "resolved" for side in sides]
    assert is_open == (bool(evidence) and evidence[-1])
