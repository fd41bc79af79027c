"""Every registered connector behind the real sender, over a real log: the contract end to end."""

import re
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hub.api.metrics import stored_metrics
from hub.app.send_test import send_test
from hub.config.model import Settings
from hub.model.outcome import Delivered
from hub.sdk.alerts import KINDS as ALERTS
from hub.telemetry.metrics import METRICS
from tests.factories.api import make_services
from tests.factories.conformance import (
    HOSTILE,
    KINDS,
    REGISTRY,
    case_of,
    come_true,
    config_of,
    fresh,
    ids,
    now_ms,
    pipeline,
    playing,
    record,
    stopped_after_sending,
    troubles,
)
from tests.factories.valkey import log, log_server, redis, state

__all__ = ["log", "log_server", "redis", "state"]
pytestmark = pytest.mark.integration
NOW_MS = 1_777_620_133_000
DEADLINE_S = 0.8


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
async def played(kind, tmp_path):
    async with playing(kind, tmp_path) as destination:
        yield destination


class Other:
    """A healthy destination beside the one that is tried."""

    def __init__(self):
        self.got = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, batch):
        self.got += ids(batch)
        return [Delivered()] * len(batch)


def done(*names):
    return lambda books: all(books[name].pending == 0 for name in names)


def refusing():
    return [kind for kind in KINDS if case_of(kind).refuses]


def worst_troubles():
    """One of each connector: a hang where it has one, which is what holds others up."""
    found = {}
    for kind, name in troubles():
        if kind not in found or (name == "hangs"):
            found[kind] = name
    return list(found.items())


# -- restart -------------------------------------------------------------------------------------------------
async def test_killed_between_send_and_settle_everything_arrives_under_the_same_ids(log, kind, played):
    batch = [fresh(n) for n in range(1, 21)]
    connectors = {"trial": config_of(kind, played)}
    await record(log, batch, ["trial"])

    await stopped_after_sending(log, connectors)
    async with pipeline(log, connectors):
        books = await come_true(log, done("trial"))

    taken = Counter(played.taken())
    assert set(taken) == set(ids(batch))
    assert max(taken.values()) <= (1 if case_of(kind).idempotent else 2)
    assert books["trial"].balanced
    assert (books["trial"].recorded, books["trial"].delivered, books["trial"].parked) == (20, 20, 0)


async def test_killed_again_and_again_it_gets_on_in_the_end(log, kind, played):
    batch = [fresh(n) for n in range(1, 6)]
    connectors = {"trial": config_of(kind, played)}
    await record(log, batch, ["trial"])

    for _ in range(2):
        await stopped_after_sending(log, connectors)
    async with pipeline(log, connectors):
        books = await come_true(log, done("trial"))

    assert set(played.taken()) == set(ids(batch))
    assert (books["trial"].delivered, books["trial"].parked, books["trial"].balanced) == (5, 0, True)


# -- isolation -----------------------------------------------------------------------------------------------
async def _others_go_on(log, kind, played, trouble, *, resumed):
    batch, other = [fresh(n) for n in range(1, 11)], Other()
    trial = config_of(kind, played, deadline_s=DEADLINE_S)
    connectors = {"trial": trial, "other": trial}
    await played.trouble(trouble)
    await record(log, batch, ["trial", "other"])
    async with pipeline(log, connectors, lambda row, made: other if row == "other" else made):
        books = await come_true(log, lambda books: done("other")(books) and books["trial"].blocked)
        before = (books["trial"].pending, books["trial"].parked, books["trial"].balanced)
        await played.recover()
        if resumed:
            await log.resume("trial", now_ms=now_ms())
        books = await come_true(log, done("trial"))

    assert other.got == ids(batch)
    assert before == (10, 0, True)
    assert set(played.taken()) == set(ids(batch))
    assert (books["trial"].delivered, books["trial"].parked, books["trial"].blocked) == (10, 0, None)


@pytest.mark.parametrize(("kind", "trouble"), worst_troubles(), indirect=["kind"])
async def test_in_trouble_it_delays_nobody_else_and_parks_nothing(log, kind, played, trouble):
    await _others_go_on(log, kind, played, trouble, resumed=False)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "trouble"), troubles(), indirect=["kind"])
async def test_in_any_trouble_it_delays_nobody_else_and_parks_nothing(log, kind, played, trouble):
    """Some say themselves that asking again soon is no use (410, Retry-After): an operator ends the wait."""
    await _others_go_on(log, kind, played, trouble, resumed=True)


# -- content -------------------------------------------------------------------------------------------------
async def test_hostile_content_passes_and_delays_nothing_behind_it(log, kind, played):
    batch = [fresh(n, subject=text) for n, text in enumerate(HOSTILE.values(), 1)]
    batch.append(fresh(len(batch) + 1))
    await record(log, batch, ["trial"])
    async with pipeline(log, {"trial": config_of(kind, played)}):
        books = await come_true(log, done("trial"))

    assert set(played.taken()) == set(ids(batch))
    assert (books["trial"].delivered, books["trial"].parked) == (len(batch), 0)


@pytest.mark.parametrize("kind", refusing(), indirect=True)
async def test_what_it_refuses_is_parked_with_a_reason_and_the_rest_arrives(log, kind, played):
    batch = [fresh(n, subject="confidential-subject") for n in range(1, 9)]
    refused = ids(batch)[2:5]
    played.refuse(refused)
    await record(log, batch, ["trial"])
    async with pipeline(log, {"trial": config_of(kind, played)}):
        books = await come_true(log, done("trial"))

    rows = await log.parked("trial")
    assert sorted(row.uid for row in rows) == sorted(refused)
    assert set(played.taken()) == set(ids(batch)) - set(refused)
    assert (books["trial"].delivered, books["trial"].parked, books["trial"].balanced) == (5, 3, True)
    for row in rows:
        assert row.reason
        assert row.reason.isprintable()
        assert [s for s in (*case_of(kind).secrets, "confidential") if s in row.reason] == []


# -- metrics -------------------------------------------------------------------------------------------------
async def _scraped(log, state, name):
    """What a scrape says about a connector, by metric."""
    services = make_services(log=log, state=state, archive=None)
    text = (await stored_metrics(services)).decode()
    return {
        sample.name.removeprefix("mxhub_connector_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels.get("connector") == name
    }


def _fates(name):
    fates = ("delivered", "retry", "postponed", "parked", "dropped")
    return {fate: METRICS.value("mxhub_fates_total", name, fate) for fate in fates}


async def test_metrics_say_what_the_destination_took_was_refused_and_still_waits(log, state, kind, played):
    name, batch = f"trial-{kind}", [fresh(n) for n in range(1, 13)]
    refused = ids(batch)[:2] if case_of(kind).refuses else []
    before = _fates(name)
    if refused:
        played.refuse(refused)
    await record(log, batch, [name])
    async with pipeline(log, {name: config_of(kind, played)}):
        await come_true(log, done(name))
    await record(log, [fresh(n) for n in range(13, 16)], [name])  # nobody serves these three

    said = await _scraped(log, state, name)
    counted = {fate: now - before[fate] for fate, now in _fates(name).items()}

    taken = len(set(played.taken()))
    assert (said["recorded"], said["delivered"], said["parked"], said["pending"]) == (
        15, taken, len(refused), 3
    )  # fmt: skip
    assert (said["balanced"], said["blocked"], taken) == (1, 0, 12 - len(refused))
    assert (counted["delivered"], counted["parked"], counted["dropped"]) == (taken, len(refused), 0)


# -- a test event --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("event", ALERTS)
async def test_a_test_event_of_every_kind_arrives(kind, played, event):
    settings = Settings(connectors={"trial": config_of(kind, played)})

    tested = await send_test("trial", event, settings, REGISTRY, now_ms=NOW_MS)

    assert (tested.outcome, tested.reason) == ("delivered", "")
    assert list(played.taken()) == [tested.event_id]


@pytest.mark.parametrize(("kind", "trouble"), troubles(), indirect=["kind"])
async def test_a_test_event_to_a_destination_in_trouble_says_why(kind, played, trouble):
    settings = Settings(connectors={"trial": config_of(kind, played, deadline_s=DEADLINE_S)})
    await played.trouble(trouble)

    tested = await send_test("trial", "quarantine.added", settings, REGISTRY, now_ms=NOW_MS)
    await played.recover()

    assert tested.outcome == "blocked"
    assert 0 < len(tested.reason) <= 300
    assert [secret for secret in case_of(kind).secrets if secret in tested.reason] == []


# -- the address guard ---------------------------------------------------------------------------------------
async def test_a_private_destination_is_not_reached_unless_allowed(kind, played):
    if not re.search(r"127\.0\.0\.1|localhost", repr(dict(played.options))):
        assert REGISTRY.connector(kind).kind == "file", (
            f"{kind}: play it on loopback, so that this can be seen"
        )
        return
    settings = Settings(connectors={"trial": config_of(kind, played, allow_networks=())})

    tested = await send_test("trial", "quarantine.added", settings, REGISTRY, now_ms=NOW_MS)

    assert tested.outcome == "blocked"
    assert "allow_networks" in tested.reason
    assert list(played.taken()) == []
