"""How a configured connector is served."""

from dataclasses import replace

import pytest

from hub.app.connectors import lane_of
from hub.config.load import load_text
from tests.factories.config import FakeRegistry, pipe


@pytest.mark.parametrize(("said", "rate"), [("", 10.0), (", rate_per_s: 3", 3.0)])
def test_a_connector_without_a_rate_gets_its_kinds(said, rate):
    registry = FakeRegistry(kinds={"pipe": replace(pipe(), rate_per_s=10.0)})
    settings = load_text(f"connectors: {{out: {{kind: pipe, url: x{said}}}}}", registry=registry)

    assert lane_of("out", settings, registry).rate_per_s == rate


def test_a_replay_takes_from_its_connectors_budget():
    registry = FakeRegistry()
    settings = load_text("connectors: {out: {kind: pipe, url: x}}", registry=registry)

    assert lane_of("out@job", settings, registry).bucket == lane_of("out", settings, registry).bucket == "out"
