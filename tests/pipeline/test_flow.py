"""From the log to the destinations: router, archive writer and lanes over a real log and a real archive."""

import asyncio
import time
from itertools import pairwise

import pytest

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.model.event import Event, Header
from hub.model.outcome import Blocked, Delivered, Rejected, Retry
from hub.pipeline.backoff import Backoff
from hub.pipeline.fate import Limits
from hub.pipeline.flow import Flow
from hub.pipeline.keep import Keeper
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.route import Router
from hub.pipeline.send import Lane, Sender
from tests.factories.digests import TELLER

QUICK = Limits(attempts=4, backoff=Backoff(first_s=0.02, most_s=0.05))
PROBES = Backoff(first_s=0.02, most_s=0.05)


def now_ms():
    return time.time_ns() // 1_000_000


def event(n, code="quarantine.added"):
    header = Header("acme", "mg", 4009, code, 3, "acme.example", 1_777_620_133_000 + n, now_ms())
    body = b'{"class_uid":4009,"metadata":{"uid":"%032x"},"time":%d}' % (n, 1_777_620_133_000 + n)
    return Event(n.to_bytes(16, "big"), header, body)


class Destination:
    """A connector whose answers a test decides: `answer(seq) -> outcome`."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda seq: Delivered())
        self.got = []
        self.sends = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, batch):
        self.sends += 1
        outcomes = [self.answer(entry.seq) for entry in batch]
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Delivered):
                self.got.append(entry.seq)
        return outcomes


def writer_of(folder):
    """Opens the archive for writing, as the keeper asks for it."""

    async def open_writer():
        return SqliteArchive(folder)

    return open_writer


class Told:
    def __init__(self):
        self.said = []

    def sent(self, lane, fates, lag_ms):
        pass

    def blocked(self, lane, reason):
        self.said.append(("blocked", lane.name, reason))

    def recovered(self, lane):
        self.said.append(("recovered", lane.name))

    def told(self, lane, digest, fate):
        self.said.append(("told", lane.name, digest.n, fate.kind))


@pytest.fixture
async def hub(log, tmp_path):
    """Starts a flow for `{connector: (rules, destination, lane options)}`."""
    flows = []
    folder = tmp_path / "archive"
    told = Told()

    async def no_wait(*_):
        return 0.0

    async def start(connectors):
        import orjson

        table = {name: rules for name, (rules, _, _) in connectors.items()}
        await log.publish(orjson.dumps(table).decode(), sorted(connectors), now_ms=now_ms())
        payloads = Payloads(log, None)

        def make(row):
            if row not in connectors:
                return None
            _, destination, options = connectors[row]
            lane = Lane(
                name=row, kind="test", **({"limits": QUICK, "probes": PROBES, "deadline_s": 1.0} | options)
            )
            return Sender(
                lane,
                destination,
                log,
                payloads,
                now_ms=now_ms,
                take=no_wait,
                observer=told,
                tell=TELLER.entry,
            )

        lanes = Lanes(log, make, now_ms=now_ms)
        keeper = Keeper(log, payloads, writer_of(folder), stalled=lambda why: None)
        flow = Flow(
            log,
            router=lambda wake: Router(log, payloads, wake=wake),
            keeper=keeper,
            lanes=lanes,
            now_ms=now_ms,
        )
        flows.append(flow)
        await flow.start()
        return flow

    start.told, start.folder = told, folder
    yield start
    for flow in flows:
        await flow.stop(0.5)


async def until(condition, within_s=45.0):
    ends = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < ends, "it did not come to pass"
        await asyncio.sleep(0.01)


async def book(log, name):
    return next(b for b in await log.books() if b.connector == name)


async def settled(log, name, recorded):
    b = await book(log, name)
    assert b.balanced, b
    return b.recorded == recorded and b.pending == 0


async def record(log, *events):
    await log.record(list(events), now_ms=now_ms())


async def test_events_reach_the_connectors_that_want_them_in_record_order(hub, log):
    everything, released = Destination(), Destination()
    await hub({"all": ([{}], everything, {}), "rel": ([{"code": ["quarantine.released"]}], released, {})})

    for n in range(1, 301):
        await record(log, event(n, "quarantine.released" if n % 3 == 0 else "quarantine.added"))
    await until(lambda: settled(log, "all", 300))
    await until(lambda: settled(log, "rel", 300))

    assert everything.got == list(range(1, 301))
    assert released.got == list(range(3, 301, 3))
    assert (await book(log, "rel")).filtered == 200


async def test_everything_is_archived_once_and_the_log_forgets_it(hub, log):
    await hub({"all": ([{}], Destination(), {})})
    await record(log, *(event(n) for n in range(1, 151)))
    await until(lambda: settled(log, "all", 150))

    async def trimmed():
        return (await log.head()).trim == 150

    await until(trimmed)

    reader = SqliteArchive(hub.folder, read_only=True)
    assert [hit.seq for hit in reader.iterate(Query())] == list(range(1, 151))
    reader.close()
    assert (await log.head()).log_entries == 0


async def test_a_dead_destination_delays_only_itself_and_nothing_of_it_is_parked(hub, log):
    down = True
    dead, alive = Destination(lambda seq: Blocked("down") if down else Delivered()), Destination()
    await hub({"dead": ([{}], dead, {}), "alive": ([{}], alive, {})})
    await record(log, *(event(n) for n in range(1, 101)))
    await until(lambda: settled(log, "alive", 100))

    waiting = await book(log, "dead")
    down = False
    await until(lambda: settled(log, "dead", 100))

    assert (waiting.pending, waiting.parked, waiting.blocked) == (100, 0, "down")
    assert dead.got == list(range(1, 101))
    assert [said[0] for said in hub.told.said] == ["blocked", "recovered"]


async def test_a_refused_event_is_parked_alone_with_the_reason(hub, log):
    picky = Destination(lambda seq: Rejected("mapping") if seq == 5 else Delivered())
    await hub({"all": ([{}], picky, {})})
    await record(log, *(event(n) for n in range(1, 11)))
    await until(lambda: settled(log, "all", 10))

    (row,) = await log.parked("all")

    assert (row.seq, row.reason, row.attempts) == (5, "mapping", 1)
    assert picky.got == [1, 2, 3, 4, 6, 7, 8, 9, 10]


async def test_an_events_own_trouble_is_retried_until_it_passes(hub, log):
    tries = []

    def answer(seq):
        if seq != 2:
            return Delivered()
        tries.append(seq)
        return Retry("429") if len(tries) < 3 else Delivered()

    destination = Destination(answer)
    await hub({"all": ([{}], destination, {})})
    await record(log, *(event(n) for n in range(1, 4)))
    await until(lambda: settled(log, "all", 3))

    assert len(tries) == 3
    assert destination.got == [1, 3, 2]


async def test_an_event_that_never_passes_is_parked_after_its_attempts(hub, log):
    await hub({"all": ([{}], Destination(lambda seq: Retry("429")), {})})
    await record(log, event(1))
    await until(lambda: settled(log, "all", 1))

    (row,) = await log.parked("all")

    assert row.attempts == 4
    assert row.reason == "given up after 4 attempts: 429"


async def test_an_ordered_connector_lets_nothing_overtake(hub, log):
    tries = []

    def answer(seq):
        tries.append(seq)
        return Retry("busy") if seq == 2 and tries.count(2) < 3 else Delivered()

    destination = Destination(answer)
    await hub({"all": ([{}], destination, {"ordered": True})})
    await record(log, *(event(n) for n in range(1, 6)))
    await until(lambda: settled(log, "all", 5))

    assert destination.got == [1, 2, 3, 4, 5]


async def test_a_destination_that_hangs_is_blocked_at_its_deadline_and_holds_up_nobody(hub, log):
    class Hanging(Destination):
        async def send(self, batch):
            await asyncio.sleep(60)

    alive = Destination()
    await hub({"hangs": ([{}], Hanging(), {"deadline_s": 0.2}), "alive": ([{}], alive, {})})
    await record(log, *(event(n) for n in range(1, 51)))
    await until(lambda: settled(log, "alive", 50), 0.19 + 1)

    async def blocked():
        return (await book(log, "hangs")).blocked is not None

    await until(blocked)

    assert "deadline_s = 0.2" in (await book(log, "hangs")).blocked


async def test_a_defect_in_a_connector_loses_nothing(hub, log):
    broken = True

    def answer(seq):
        if broken:
            raise KeyError("subject")
        return Delivered()

    destination = Destination(answer)
    await hub({"all": ([{}], destination, {})})
    await record(log, event(1))

    async def blocked():
        return "KeyError" in ((await book(log, "all")).blocked or "")

    await until(blocked)
    broken = False
    await until(lambda: settled(log, "all", 1))

    assert destination.got == [1]


async def _told(hub, n):
    return len(hub.told.said) == n


async def test_stale_alerts_are_dropped_and_counted_instead_of_sent(hub, log):
    destination = Destination()
    old = event(1)
    old = Event(old.uid, Header("acme", "mg", 4009, "c", 3, "", 1, now_ms() - 10_000), old.body)
    await hub({"alerts": ([{}], destination, {"max_age_ms": 5000})})
    await record(log, old, event(2))
    await until(lambda: settled(log, "alerts", 2))
    await until(lambda: _told(hub, 1))

    assert (await book(log, "alerts")).dropped_by == {"stale": 1}
    assert destination.got == [0, 2], "the digest, which stands in no log, comes first"
    assert hub.told.said == [("told", "alerts", 1, "delivered")]


async def test_a_reference_whose_payload_is_nowhere_stops_the_connector_and_drops_nothing(hub, log, redis):
    down = True
    destination = Destination(lambda seq: Blocked("down") if down else Delivered())
    flow = await hub({"all": ([{}], destination, {})})
    await record(log, event(1))

    async def trimmed():
        return (await log.head()).trim == 1

    await until(trimmed)
    await flow.stop(0.1)
    down = False
    flow = await hub({"all": ([{}], destination, {})})  # this one has no archive to ask and an empty log

    async def stopped():
        return "neither in the log nor in the archive" in ((await book(log, "all")).blocked or "")

    await until(stopped)

    assert (await book(log, "all")).pending == 1


async def test_news_does_not_wake_a_blocked_destination_before_its_probe_is_due(hub, log):
    dead = Destination(lambda seq: Blocked("down", probe_after_s=60))
    await hub({"dead": ([{}], dead, {})})
    await record(log, event(1))

    async def blocked():
        return (await book(log, "dead")).blocked == "down"

    await until(blocked)
    for n in range(2, 30):
        await record(log, event(n))
        await asyncio.sleep(0.01)

    assert dead.sends == 1


async def test_an_operators_resume_probes_at_once(hub, log):
    down = True
    destination = Destination(lambda seq: Blocked("down", probe_after_s=60) if down else Delivered())
    await hub({"dead": ([{}], destination, {})})
    await record(log, event(1))

    async def blocked():
        return (await book(log, "dead")).blocked == "down"

    await until(blocked)
    down = False
    await log.resume("dead", now_ms=now_ms())
    await until(lambda: settled(log, "dead", 1))

    assert destination.got == [1]


@pytest.mark.parametrize("stage", ["router", "keeper"])
async def test_small_rounds_let_work_gather_and_a_backlog_waits_for_nothing(hub, stage):
    flow = await hub({})
    begins = {1: [], 1000: []}

    def turning(events):
        async def turn():
            begins[events].append(time.monotonic())
            return events

        return turn

    for events, begun in begins.items():
        task = asyncio.create_task(flow._loop(stage, turning(events), asyncio.Event()))
        while len(begun) < 20:
            await asyncio.sleep(0.001)
        task.cancel()

    pauses = [later - sooner for sooner, later in pairwise(begins[1])]
    assert min(pauses) > 0.002
    assert min(later - sooner for sooner, later in pairwise(begins[1000])) < 0.002
