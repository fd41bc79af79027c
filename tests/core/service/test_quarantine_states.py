"""The quarantine against a plain model: whatever is done in whatever order ends as it should, told once."""

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.verdict import Thresholds
from core.service import expiry, quarantine
from core.store import domains
from hub.web.errors import ApiError, Conflict, NotFound, ServiceUnavailable, UpstreamFailed
from tests.factories.core import NOW_MS
from tests.factories.core_api import make_core
from tests.factories.judged import by, hold, told
from tests.factories.smtp import SmtpServer

ALL = by()
NUMBERS = count(1)
LIFE_MS = 30 * 86_400_000
ANSWERS = {"takes": "", "refuses": "550 5.7.1 no", "later": "451 4.3.0 later"}
DEEDS = st.one_of(
    st.tuples(st.just("release"), st.integers(0, 2), st.sampled_from(sorted(ANSWERS))),
    st.tuples(st.sampled_from(["discard", "report_spam", "ham", "spam"]), st.integers(0, 2), st.just("")),
    st.tuples(st.just("expire"), st.integers(0, 31), st.just("")),
)
GONE = ("released", "discarded", "expired")


@dataclass
class Modelled:
    """One message as a person would think of it."""

    expires_ms: int
    state: str = "held"
    label: str = ""

    def release(self, answer):
        """What is raised, and what is told."""
        if self.state == "released":
            return None, ""
        if self.state in GONE:
            return Conflict, ""
        self.state = "released" if answer == "takes" else "release_failed"
        raised = {"refuses": UpstreamFailed, "later": ServiceUnavailable}.get(answer)
        return raised, "quarantine.released" if raised is None else ""

    def discard(self):
        if self.state == "discarded":
            return None, ""
        if self.state in GONE:
            return Conflict, ""
        self.state = "discarded"
        return None, "quarantine.discarded"

    def call(self, label, event):
        if self.state in GONE:
            return Conflict, ""
        told = "" if self.label == label else event
        self.label = label
        return None, told

    def expire(self, now_ms):
        if self.state in GONE or self.expires_ms > now_ms:
            return ""
        self.state = "expired"
        return "quarantine.expired"


@pytest.fixture
async def world(database, buckets, tmp_path):
    async with AsyncExitStack() as stack:
        downstream = await stack.enter_async_context(SmtpServer())
        core = await make_core(database, buckets, tmp_path / "core", stack, allow_networks=("127.0.0.0/8",))
        backends = [f"127.0.0.1:{downstream.port}"]
        async with core.database.begin() as tx:
            await domains.add(tx, "acme.example", backends=backends, thresholds=Thresholds(), now_ms=NOW_MS)
        yield core, downstream


async def raised_by(work):
    try:
        await work
    except ApiError as error:
        return type(error)
    return None


async def do(core, item_id, deed):
    if deed == "discard":
        return await quarantine.discard(core, ALL, item_id)
    if deed == "report_spam":
        return await quarantine.report_spam(core, ALL, item_id)
    if deed == "release":
        return await quarantine.release(core, ALL, item_id)
    return await quarantine.retrain(core, ALL, item_id, deed)


def modelled(one, deed, answer):
    if deed == "release":
        return one.release(answer)
    if deed == "discard":
        return one.discard()
    event = "quarantine.reported_spam" if deed == "report_spam" else "quarantine.retrained"
    return one.call("ham" if deed == "ham" else "spam", event)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(DEEDS, max_size=12))
@pytest.mark.slow
async def test_any_order_of_deeds_ends_as_in_a_plain_model(world, deeds):
    core, downstream = world
    core.clock.now_ms += LIFE_MS * 2  # whatever an example before this one left is over
    await expiry.expire(core)
    before, start = len(await told(core)), core.clock()
    arrived = [start + at * 86_400_000 for at in range(3)]
    model = [Modelled(expires_ms=at + LIFE_MS) for at in arrived]
    items = [
        await hold(
            core,
            next(NUMBERS),
            arrived_ms=arrived[at],
            expires_ms=model[at].expires_ms,
        )
        for at in range(3)
    ]
    expected = []
    for deed, which, answer in deeds:
        if deed == "expire":
            core.clock.now_ms = start + which * 86_400_000
            await expiry.expire(core)
            expected += [one.expire(core.clock()) for one in model]
            continue
        downstream.data = ANSWERS.get(answer, "")
        raised, event = modelled(model[which], deed, answer)
        assert await raised_by(do(core, items[which].id, deed)) == raised, (deed, model[which])
        expected.append(event)

    events = [event.name for event in (await told(core))[before:]]
    async with core.database.read() as tx:
        found = [await quarantine.item(tx, ALL, item.id) for item in items]
        kept = [await raised_by(quarantine.raw(core, ALL, item.id)) for item in items]
    assert Counter(events) == Counter(name for name in expected if name)
    assert [(one.state, one.label) for one in found] == [(one.state, one.label) for one in model]
    assert kept == [NotFound if one.state in GONE else None for one in model]
