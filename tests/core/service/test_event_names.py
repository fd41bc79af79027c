"""The list of event names is whole: whatever the code tells is in it."""

import re
from pathlib import Path

import core
from core.detectors.catalogue import DETECTORS
from core.dialects.mailguard.webhooks import EVENT_NAMES as MAILGUARD
from core.service.event_names import EVENT_NAMES, EVENTS

TOLD = re.compile(r'(?:\bevent=|\bEvent\(name=|emit\(tx, )"([a-z_]+(?:\.[a-z_]+)+)"')


def test_every_event_that_the_code_names_is_listed():
    sources = Path(core.__file__).parent.rglob("*.py")
    told = {name for path in sources for name in TOLD.findall(path.read_text())}
    assert "license.changed" in told
    assert told - set(EVENT_NAMES) == set()


def test_every_event_of_a_detector_is_listed():
    assert {name for each in DETECTORS for name in each.events} <= set(EVENT_NAMES)


def test_a_dialect_offers_events_of_the_service():
    assert set(MAILGUARD) < set(EVENT_NAMES)
    assert all(EVENTS[name] for name in EVENT_NAMES)
