"""The list of event names is whole: whatever the code tells is in it."""

import re
from pathlib import Path

import pytest

import core
from core.detectors.catalogue import DETECTORS
from core.dialects.mailguard import webhooks as mailguard
from core.dialects.mailsentinel import webhooks as mailsentinel
from core.dialects.mxguard import webhooks as mxguard
from core.sandbox.vendors import VENDORS
from core.service.event_names import EVENT_NAMES, EVENTS

TOLD = re.compile(r'(?:\bevent=|\bEvent\(name=|emit\(tx, )"([a-z_]+(?:\.[a-z_]+)+)"')


def test_every_event_that_the_code_names_is_listed():
    sources = Path(core.__file__).parent.rglob("*.py")
    told = {name for path in sources for name in TOLD.findall(path.read_text())}
    assert "license.changed" in told
    assert told - set(EVENT_NAMES) == set()


def test_every_event_of_a_detector_is_listed():
    assert {name for each in DETECTORS for name in each.events} <= set(EVENT_NAMES)


@pytest.mark.parametrize("dialect", [mailguard, mailsentinel, mxguard])
def test_a_dialect_offers_events_of_the_service_and_its_sandbox_the_same(dialect):
    assert set(dialect.EVENT_NAMES) < set(EVENT_NAMES)
    assert VENDORS[dialect.__package__.rpartition(".")[2]].events == dialect.EVENT_NAMES


def test_every_event_is_told_in_words():
    assert all(EVENTS[name] for name in EVENT_NAMES)
