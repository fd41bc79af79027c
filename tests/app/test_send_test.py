"""One made event past every queue, and what is said about it."""

import asyncio

import orjson
import pytest
from pydantic import SecretStr

from hub.app import send_test as module
from hub.app.hub import Hub
from hub.app.send_test import send_test
from hub.config.model import ConnectorConfig, Settings
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.sdk.connector import ConnectorSpec
from hub.sdk.options import Options
from tests.factories.hubs import BOTH, REGISTRY, come_true, post, settings, written

SECRET = "hunter2-hunter2"


class Answers(Options):
    """What the connector below does."""

    token: SecretStr = SecretStr(SECRET)


class Connector:
    def __init__(self, does):
        self._does, self.closed = does, False

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        self.closed = True

    async def send(self, batch):
        done = self._does(batch)
        return await done if asyncio.iscoroutine(done) else done


class OneKind:
    """A registry of one connector that does as it is told."""

    def __init__(self, does):
        self.connectors = []
        self._does = does

    def connector(self, kind):
        def make(options, context):
            self.connectors.append(Connector(self._does))
            return self.connectors[-1]

        return ConnectorSpec(kind=kind, title="made", options=Answers, make=make, deadline_s=0.2)


async def outcome_of(does, kind="quarantine.added"):
    registry = OneKind(does)
    config = Settings(connectors={"x": ConnectorConfig(kind="made", options=Answers())})
    found = await send_test("x", kind, config, registry, now_ms=1_777_620_133_000)
    assert registry.connectors[0].closed
    return found


def raising(error):
    def does(batch):
        raise error

    return does


async def test_a_delivered_event_says_so_without_a_reason():
    found = await outcome_of(lambda batch: [Delivered()])

    assert (found.connector, found.kind, found.event) == ("x", "made", "quarantine.added")
    assert (found.outcome, found.reason, len(found.event_id)) == ("delivered", "", 32)


@pytest.mark.parametrize(
    ("outcome", "word"),
    [(Retry("busy"), "retry"), (Rejected("too odd"), "rejected"), (Blocked("401"), "blocked")],
)
async def test_every_other_outcome_is_told_with_its_reason(outcome, word):
    found = await outcome_of(lambda batch: [outcome])

    assert (found.outcome, found.reason) == (word, outcome.reason)


async def test_the_connector_gets_one_marked_event_of_the_kind_that_was_asked_for():
    seen = []

    def does(batch):
        seen.extend(batch)
        return [Delivered()]

    found = await outcome_of(does, "hub.digest")

    (entry,) = seen
    assert entry.header.code == found.event == "hub.digest"
    assert orjson.loads(entry.body)["metadata"]["labels"] == ["test"]


async def test_a_reason_shows_no_secret_and_is_one_line():
    found = await outcome_of(lambda batch: [Blocked(f"token {SECRET}\nwas refused " + "x" * 1000)])

    assert found.reason.startswith("token *** was refused")
    assert len(found.reason) <= 300


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        (raising(ValueError(f"defect with {SECRET}")), "failed: ValueError: defect with ***"),
        (lambda batch: [], "answered 0 outcomes for 1 event"),
        (lambda batch: asyncio.sleep(60), "no answer within 0.2 s"),
    ],
    ids=["a defect", "too few outcomes", "hangs"],
)
async def test_a_connector_that_misbehaves_is_told_as_blocked(does, reason):
    found = await outcome_of(does)

    assert (found.outcome, found.reason) == ("blocked", reason)


async def test_a_long_deadline_does_not_keep_the_caller_waiting(monkeypatch):
    monkeypatch.setattr(module, "MOST_S", 0.05)

    assert (await outcome_of(lambda batch: asyncio.sleep(60))).reason == "no answer within 0.05 s"


async def test_an_unknown_connector_is_an_error():
    with pytest.raises(KeyError):
        await send_test("nobody", "other", Settings(), REGISTRY, now_ms=0)


@pytest.mark.integration
@pytest.mark.parametrize("roles", [BOTH, frozenset({"serve"}), frozenset({"work", "answer"})], ids=sorted)
async def test_a_running_hub_sends_it_and_its_books_do_not_move(log_server, redis, tmp_path, roles):
    async with Hub(settings(tmp_path, log_server.url), roles, registry=REGISTRY) as hub:
        if roles == BOTH:
            await post(hub, 1)
            await come_true(lambda: sum(written(tmp_path / "all.ndjson").values()) == 1)
        before = await hub.store.log.books()

        found = await hub.services.send_test("all", "quarantine.added")

        assert found.outcome == "delivered"
        assert await hub.store.log.books() == before
        held = (tmp_path / "all.ndjson").read_text().splitlines()
        assert orjson.loads(held[-1])["metadata"]["uid"] == found.event_id
