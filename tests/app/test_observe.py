"""What happened, told to where it is wanted: counters, source status, the hub's own events."""

import asyncio

import orjson
import pytest

from hub.app.observe import OWN_SOURCE, Observers
from hub.pipeline.ingest import Door, refuse
from hub.pipeline.maintain import Alarm
from hub.pipeline.normalise import normalise_body
from hub.pipeline.poll import Poll, Walked
from hub.pipeline.send import Lane
from hub.registry import Registry
from hub.sdk.source import Stream
from hub.store.base import Unavailable
from hub.store.state import State
from tests.factories.hostile_bodies import good

NOW_MS = 1_777_620_133_000
REGISTRY = Registry()
SPEC = REGISTRY.source("mailguard")
DOOR = Door(source="mg", tenant="acme", spec=SPEC, schemes=SPEC.schemes, secrets=())
LANE = Lane(name="search", kind="test")


class Recorder:
    """Keeps what it is given."""

    def __init__(self):
        self.events, self.error = [], None

    async def record(self, events):
        if self.error:
            raise self.error
        self.events += [orjson.loads(event.body) for event in events]
        return [True] * len(events)

    def codes(self):
        return [event["metadata"]["event_code"] for event in self.events]


class Captures:
    def __init__(self):
        self.kept = []

    def refused(self, source, reason, headers, body):
        self.kept.append((source, reason, body))


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
async def observers(state, recorder):
    async with Observers(state, REGISTRY.source(OWN_SOURCE), now_ms=lambda: NOW_MS) as observers:
        observers.record_health(recorder, "acme")
        yield observers


async def fetch(call, cursor, now_ms):
    raise NotImplementedError


POLL = Poll(source="mg", tenant="acme", spec=SPEC, stream=Stream(name="audit", fetch=fetch), every_s=300)


def items(*bodies):
    return [item for body in bodies for item in normalise_body(SPEC, "acme", "mg", body, NOW_MS)]


async def status(observers, state, name="mg"):
    await observers.flush()
    return next(one for one in await state.sources() if one.name == name)


async def told(recorder, n):
    """Wait for the hub's own events, which are recorded beside."""
    async with asyncio.timeout(2):
        while len(recorder.events) < n:
            await asyncio.sleep(0.005)
    return recorder.events


async def test_accepted_events_are_counted_and_date_the_source(observers, state):
    observers.accepted(DOOR, items(good(1), good(2), b"?"), [True, False, True])

    found = await status(observers, state)

    assert (found.accepted, found.duplicate, found.unknown, found.last_event_ms) == (2, 1, 1, NOW_MS)
    assert await state.counters() == {"accepted": 2, "duplicate": 1}


async def test_a_refusal_is_counted_for_its_source_and_captured(observers, state):
    observers.captures = Captures()
    observers.refused("mg", refuse(401, "signature_mismatch", "no"), {}, b"body")

    found = await status(observers, state)

    assert (found.rejected, found.reason) == (1, "signature_mismatch")
    assert observers.captures.kept == [("mg", "signature_mismatch", b"body")]
    assert await state.counters() == {"refused:signature_mismatch": 1}


async def test_names_that_nobody_configured_leave_no_trace_but_a_count(observers, state):
    observers.captures = Captures()
    for n in range(100):
        observers.refused(f"guess-{n}", refuse(404, "unknown_source", "no"), {}, b"")
    await observers.flush()

    assert await state.sources() == []
    assert observers.captures.kept == []
    assert await state.counters() == {"refused:unknown_source": 100}


async def test_a_walk_sets_the_sources_state_and_counts_its_trouble(observers, state):
    observers.walked(POLL, Walked("failed", reason="HTTP 500"))
    observers.walked(POLL, Walked("failed", reason="HTTP 502"))
    failing = await status(observers, state)
    observers.walked(POLL, Walked("done"))

    fine = await status(observers, state)

    assert (failing.state, failing.reason, failing.errors) == ("failing", "HTTP 502", 2)
    assert (fine.state, fine.reason, fine.errors) == ("ok", "", 2)


@pytest.mark.parametrize("end", ["more", "stale"])
async def test_a_walk_that_has_not_ended_says_nothing_yet(observers, state, end):
    observers.walked(POLL, Walked(end))
    await observers.flush()

    assert await state.sources() == []


async def test_refused_credentials_are_one_event_until_they_work_again(observers, recorder):
    for _ in range(3):
        observers.walked(POLL, Walked("refused", reason="HTTP 401"))
    observers.walked(POLL, Walked("done"))
    observers.walked(POLL, Walked("refused", reason="HTTP 403"))

    events = await told(recorder, 2)

    assert recorder.codes() == ["hub.source_refused"] * 2
    assert {event["metadata"]["tenant_uid"] for event in events} == {"acme"}


async def test_a_blocked_connector_and_its_recovery_become_events(observers, recorder):
    observers.blocked(LANE, "401")
    observers.recovered(LANE)

    events = await told(recorder, 2)

    assert recorder.codes() == ["hub.connector_blocked", "hub.connector_recovered"]
    assert {event["metadata"]["log_provider"] for event in events} == {OWN_SOURCE}
    assert "search" in orjson.dumps(events[0]).decode()


async def test_a_lost_cursor_is_an_event_of_the_polls_tenant(observers):
    event = observers.gap(POLL, "410 Gone")

    body = orjson.loads(event.body)
    assert body["metadata"]["event_code"] == "hub.cursor_lost"
    assert (event.header.tenant, event.header.source) == ("acme", OWN_SOURCE)
    assert "410 Gone" in event.body.decode()


async def test_an_alarm_is_raised_once_until_it_clears(observers, recorder):
    filling = Alarm("hub.log_filling", "log", "the log is 81 % full")
    for standing in ([filling], [filling], [], [filling]):
        await observers.alarms(standing)
    await told(recorder, 2)

    assert recorder.codes() == ["hub.log_filling"] * 2


@pytest.fixture
async def other(state):
    """Another worker on the same store."""
    async with Observers(state, REGISTRY.source(OWN_SOURCE), now_ms=lambda: NOW_MS + 30_000) as other:
        other.record_health(Recorder(), "acme")
        yield other


FILLING = Alarm("hub.log_filling", "log", "the log is 81 % full")


async def test_two_workers_tell_of_one_alarm_under_one_id(observers, other, recorder):
    await observers.alarms([FILLING])
    await other.alarms([FILLING])

    (first,), (second,) = recorder.events, other._recorder.events
    assert first["metadata"]["uid"] == second["metadata"]["uid"]


async def test_an_alarm_that_another_worker_saw_clear_is_raised_anew(observers, other, recorder):
    await observers.alarms([FILLING])
    await other.alarms([])
    await other.alarms([FILLING])
    await observers.alarms([FILLING])

    assert recorder.codes() == ["hub.log_filling"] * 2
    assert recorder.events[1]["metadata"]["uid"] == other._recorder.events[0]["metadata"]["uid"]
    assert len({event["metadata"]["uid"] for event in recorder.events}) == 2


async def test_a_restart_tells_nothing_anew_that_still_stands(observers, state, recorder):
    await observers.alarms([FILLING])
    async with Observers(state, REGISTRY.source(OWN_SOURCE), now_ms=lambda: NOW_MS + 60_000) as again:
        again.record_health(recorder, "acme")
        await again.alarms([FILLING])

    assert len({event["metadata"]["uid"] for event in recorder.events}) == 1


async def test_a_machine_whose_disk_is_fine_clears_no_other_machines_alarm(observers, other, recorder):
    low = Alarm("hub.disk_low", "disk", "1 GB left")
    for one, standing in ((observers, [low]), (other, []), (observers, [low])):
        await one.alarms(standing)
    await told(recorder, 1)

    assert recorder.codes() == ["hub.disk_low"]


async def test_watching_does_not_clear_what_clears_elsewhere(observers, recorder):
    observers.walked(POLL, Walked("refused", reason="HTTP 401"))
    await observers.alarms([])
    observers.walked(POLL, Walked("refused", reason="HTTP 401"))
    await told(recorder, 1)
    await asyncio.sleep(0.02)

    assert recorder.codes() == ["hub.source_refused"]


async def test_references_ended_by_retention_are_an_event_a_connector(observers, recorder):
    await observers.retention(500, {"search": 3, "file": 4})
    await told(recorder, 2)

    assert recorder.codes() == ["hub.retention_ended_owed"] * 2


async def test_a_hub_that_cannot_record_its_own_events_goes_on(observers, recorder):
    recorder.error = Unavailable("gone")
    observers.blocked(LANE, "401")
    await asyncio.sleep(0.02)
    recorder.error = None
    observers.recovered(LANE)
    await told(recorder, 1)

    assert recorder.codes() == ["hub.connector_recovered"]


class Failing(State):
    """A server that takes nothing."""

    async def count(self, counts):
        raise Unavailable("gone")

    async def touch_sources(self, sources):
        raise Unavailable("gone")


async def test_what_cannot_be_written_is_kept_and_added_up(redis, state):
    failing = Failing(redis)
    observers = Observers(failing, REGISTRY.source(OWN_SOURCE), now_ms=lambda: NOW_MS)
    for n in range(3):
        observers.accepted(DOOR, items(good(n)), [True])
        observers.walked(POLL, Walked("failed", reason=f"HTTP 50{n}"))
        with pytest.raises(Unavailable):
            await observers.flush()
    failing.count = state.count
    with pytest.raises(Unavailable):  # the counters are written, the sources are not
        await observers.flush()
    failing.touch_sources = state.touch_sources

    found = await status(observers, state)

    assert (found.accepted, found.errors, found.reason) == (3, 3, "HTTP 502")
    assert await state.counters() == {"accepted": 3}


async def test_the_last_counts_are_written_at_the_end(state):
    async with Observers(state, REGISTRY.source(OWN_SOURCE), now_ms=lambda: NOW_MS) as observers:
        observers.accepted(DOOR, items(good(1)), [True])

    assert await state.counters() == {"accepted": 1}
