"""Every kind of alert has a golden message, and Slack takes each."""

import json

import pytest

from hub.sdk.alerts import KINDS
from tests.factories.ocsf_rules import check
from tests.factories.ocsf_schema import schema_problems
from tests.factories.slack_blocks import mentions, refusal
from tests.golden.messages import ROOT, message_goldens

ALL = message_goldens()


def test_every_kind_has_a_golden():
    assert {golden.name.partition("~")[0] for golden in ALL} == set(KINDS)


@pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)
def test_the_message_is_as_it_was(golden):
    assert golden.out.read_text() == golden.render(), "make golden, then review the diff"


@pytest.mark.parametrize("golden", ALL, ids=lambda golden: golden.name)
def test_slack_takes_it_and_it_calls_nobody(golden):
    message = json.loads(golden.out.read_text())

    assert refusal(message) is None
    assert mentions(message) == []


@pytest.mark.parametrize("path", sorted((ROOT / "alerts").glob("*.json")), ids=lambda path: path.stem)
def test_the_events_that_no_source_brings_yet_are_valid_ocsf(path):
    body = json.loads(path.read_text())

    assert schema_problems(body) == []
    assert check(body) == []


def test_no_message_is_left_without_its_event():
    assert set((ROOT / "slack").iterdir()) == {golden.out for golden in ALL}
