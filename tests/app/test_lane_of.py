"""How a configured connector is served."""

from dataclasses import replace

import pytest

from hub.app.connectors import TELL_AFTER_MS, lane_of
from hub.config.load import load_text
from tests.factories.config import FakeRegistry, pipe


@pytest.mark.parametrize(("said", "rate"), [("", 10.0), (", rate_per_s: 3", 3.0)])
def test_a_connector_without_a_rate_gets_its_kinds(said, rate):
    registry = FakeRegistry(kinds={"pipe": replace(pipe(), rate_per_s=10.0)})
    settings = load_text(f"connectors: {{out: {{kind: pipe, url: x{said}}}}}", registry=registry)

    assert lane_of("out", settings, registry).rate_per_s == rate


def test_connectors_of_one_destination_share_a_bucket_whose_name_is_no_secret():
    registry = FakeRegistry(kinds={"pipe": replace(pipe(), bucket=lambda options: str(options.url))})
    text = "connectors: {a: {kind: pipe, url: xoxb}, b: {kind: pipe, url: xoxb}, c: {kind: pipe, url: y}}"
    settings = load_text(text, registry=registry)
    a, again, b, c = (lane_of(row, settings, registry).bucket for row in ("a", "a@job", "b", "c"))

    assert a == again == b != c
    assert "xoxb" not in a


def test_a_block_is_news_when_it_lasts():
    settings = load_text("connectors: {out: {kind: pipe, url: x}}", registry=FakeRegistry())

    assert lane_of("out", settings, FakeRegistry()).tell_after_ms == TELL_AFTER_MS == 30_000


def test_a_replay_takes_from_its_connectors_budget():
    registry = FakeRegistry()
    settings = load_text("connectors: {out: {kind: pipe, url: x}}", registry=registry)

    assert lane_of("out@job", settings, registry).bucket == lane_of("out", settings, registry).bucket == "out"
