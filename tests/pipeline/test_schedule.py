"""When streams are walked: claimed once, slowed by trouble, in line with the configuration."""

import asyncio

import pytest

from hub.model.event import Event
from hub.pipeline.poll import Poll, Poller, Walked
from hub.pipeline.schedule import CLAIM_MS, Walks
from hub.registry import Registry
from hub.sdk.source import Answer, Item, Page, PollFailed, Stream
from hub.store.base import Full
from tests.factories.hostile_bodies import good
from tests.factories.stages import NOW_MS

SPEC = Registry().source("mailguard")


class Clock:
    def __init__(self):
        self.ms = NOW_MS

    def __call__(self):
        return self.ms


class Vendor:
    """Pages that a test lays out; a page may be an error."""

    def __init__(self, *pages):
        self.pages = list(pages) or [page(0, more=False)]
        self.cursors = []

    async def fetch(self, call, cursor, now_ms):
        self.cursors.append(cursor)
        found = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
        if isinstance(found, BaseException):
            raise found
        return found


def page(n, *, more=True, gap=None, items=None):
    made = [Item("quarantine.added", {}, good(n))] if items is None else items
    return Page(items=made, cursor=f"c{n}", more=more, gap=gap)


def poll(vendor, name="audit", *, every_s=300.0, lookback=False):
    stream = Stream(name=name, fetch=vendor.fetch, lookback=vendor.fetch)
    return Poll(source="mg", tenant="acme", spec=SPEC, stream=stream, every_s=every_s, lookback=lookback)


class Told:
    def __init__(self):
        self.pages, self.gaps, self.walked = [], [], []

    def page(self, poll, items, fresh):
        self.pages.append((poll.key, list(fresh)))

    def gap(self, poll, reason):
        self.gaps.append(reason)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return Told()


@pytest.fixture
def walks_of(log, state, clock, told):
    def make(*polls):
        async def call(method, path):
            return Answer(status=200, headers={}, body=b"")

        return Walks(
            state,
            Poller(log, told, now_ms=clock),
            polls={one.key: one for one in polls},
            call=lambda poll: call,
            walked=lambda poll, walked: told.walked.append(walked),
            now_ms=clock,
        )

    return make


async def due_in_s(state, clock, key="mg/audit"):
    return ((await state.schedule_all())[key] - clock.ms) / 1000


async def test_a_new_stream_is_due_at_once_and_claimed_by_one(walks_of):
    one, other = walks_of(poll(Vendor())), walks_of(poll(Vendor()))
    await one.adopt()
    await other.adopt()

    assert (await one.due(), await other.due()) == (["mg/audit"], [])


async def test_a_look_back_waits_for_its_first_time(walks_of, state, clock):
    walks = walks_of(poll(Vendor(), lookback=True, every_s=3600))
    await walks.adopt()

    assert await walks.due() == []
    assert await due_in_s(state, clock, "mg/audit/lookback") == 3600


async def test_a_walk_that_is_done_comes_again_after_its_interval_but_not_all_at_once(walks_of, state, clock):
    walks = walks_of(poll(Vendor()))
    await walks.adopt()
    await walks.due()
    pauses = []
    for _ in range(30):
        await walks.walk("mg/audit")
        pauses.append(await due_in_s(state, clock))

    assert all(285 <= pause <= 300 for pause in pauses)
    assert len(set(pauses)) > 5


async def test_the_claim_of_a_walk_that_was_killed_runs_out(walks_of, clock):
    walks = walks_of(poll(Vendor()))
    await walks.adopt()
    await walks.due()
    clock.ms += CLAIM_MS - 1
    before = await walks.due()
    clock.ms += 1

    assert (before, await walks.due()) == ([], ["mg/audit"])


async def test_a_walk_goes_on_where_the_last_one_stopped(walks_of):
    vendor = Vendor(page(1), page(2, more=False), page(3, more=False))
    walks = walks_of(poll(vendor))

    first, second = await walks.walk("mg/audit"), await walks.walk("mg/audit")

    assert (first.pages, first.fresh, second.pages, second.fresh) == (2, 2, 1, 1)
    assert vendor.cursors == [None, "c1", "c2"]


async def test_repeats_are_not_fresh(walks_of, told):
    walks = walks_of(poll(Vendor(page(1, more=False))))

    await walks.walk("mg/audit")
    again = await walks.walk("mg/audit")

    assert (again.events, again.fresh) == (1, 0)
    assert told.pages == [("mg/audit", [True]), ("mg/audit", [False])]


@pytest.mark.parametrize(
    ("error", "least", "most", "end"),
    [
        (PollFailed("HTTP 500"), 0.5, 5, "failed"),
        (PollFailed("HTTP 429", retry_after_s=120), 120, 120, "failed"),
        (PollFailed("HTTP 429", retry_after_s=4000), 4000, 4000, "failed"),
        (PollFailed("HTTP 401", refused=True), 3600, 3600, "refused"),
        (KeyError("data"), 0.5, 5, "failed"),
        (TimeoutError(), 0.5, 5, "failed"),
    ],
)
async def test_trouble_decides_when_it_is_tried_again(walks_of, state, clock, error, least, most, end):
    walks = walks_of(poll(Vendor(error)))

    walked = await walks.walk("mg/audit")

    assert walked.end == end
    assert least <= await due_in_s(state, clock) <= most


async def test_trouble_that_goes_on_is_tried_ever_more_seldom_up_to_the_interval(walks_of, state, clock):
    walks = walks_of(poll(Vendor(PollFailed("HTTP 500")), every_s=60))
    pauses = []
    for _ in range(12):
        await walks.walk("mg/audit")
        pauses.append(await due_in_s(state, clock))

    assert max(pauses) <= 60
    assert max(pauses[6:]) > 5


async def test_a_success_forgets_the_trouble_before_it(walks_of, state, clock):
    trouble = [PollFailed("HTTP 500")] * 8
    walks = walks_of(poll(Vendor(*trouble, page(1, more=False), PollFailed("HTTP 500"))))
    for _ in range(10):
        await walks.walk("mg/audit")

    assert await due_in_s(state, clock) <= 5


async def test_a_full_log_leaves_the_cursor_where_it_was(walks_of, log, monkeypatch):
    async def full(*args, **options):
        raise Full("full")

    walks = walks_of(poll(Vendor(page(1, more=False))))
    monkeypatch.setattr(log, "record", full)

    walked = await walks.walk("mg/audit")

    assert walked.end == "full"
    assert await log.cursor("mg/audit") is None


async def test_two_walks_of_one_stream_record_every_entry_once(walks_of, log):
    pages = [page(n) for n in range(1, 20)] + [page(20, more=False)]
    one, other = walks_of(poll(Vendor(*pages))), walks_of(poll(Vendor(*pages)))

    ends = {walked.end for walked in await asyncio.gather(one.walk("mg/audit"), other.walk("mg/audit"))}

    assert ends <= {"done", "stale"}
    assert "done" in ends
    assert (await log.head()).seq == 20


async def test_a_lost_cursor_is_recorded_as_an_event_with_the_page(walks_of, told, log, monkeypatch):
    header = (await _recorded(walks_of, log)).header

    def gap(poll, reason):
        return Event(b"g" * 16, header, b"{}")

    monkeypatch.setattr(told, "gap", gap)
    walks = walks_of(poll(Vendor(page(50, more=False, gap="410 Gone")), "quarantine"))
    await walks.walk("mg/quarantine")

    entries = await log.read(1, 10)
    assert b"g" * 16 in [one.uid for one in entries]
    assert len(entries) == 2


async def _recorded(walks_of, log):
    await walks_of(poll(Vendor(page(49, more=False)))).walk("mg/audit")
    return (await log.read(0, 1))[0]


async def test_a_stream_that_left_the_configuration_leaves_the_schedule(walks_of, state):
    walks = walks_of(poll(Vendor()), poll(Vendor(), "quarantine"))
    await walks.adopt()
    del walks.polls["mg/quarantine"]
    await walks.adopt()

    assert set(await state.schedule_all()) == {"mg/audit"}


async def test_a_stream_that_left_between_claim_and_walk_is_not_walked(walks_of, state):
    vendor = Vendor()
    walks = walks_of(poll(vendor))
    await walks.adopt()
    await walks.due()
    walks.polls.clear()

    assert await walks.walk("mg/audit") is None
    assert (vendor.cursors, await state.schedule_all()) == ([], {})


async def test_a_shorter_interval_counts_at_once(walks_of, state, clock):
    walks = walks_of(poll(Vendor(), every_s=300))
    await walks.adopt()
    await walks.due()
    await walks.walk("mg/audit")
    walks.polls["mg/audit"] = poll(Vendor(), every_s=15)
    await walks.adopt()

    assert await due_in_s(state, clock) <= 0


async def test_refused_credentials_are_tried_again_when_the_configuration_is_read_again(
    walks_of, state, clock
):
    walks = walks_of(poll(Vendor(PollFailed("HTTP 401", refused=True))))
    await walks.walk("mg/audit")
    resting = await due_in_s(state, clock)
    await walks.adopt()

    assert (resting, await due_in_s(state, clock)) == (3600, 0)


async def test_a_slice_that_is_used_up_goes_on_soon(walks_of, state, clock, log, told):
    poller = Poller(log, told, now_ms=clock)
    one = poll(Vendor(page(1), page(2), page(3, more=False)))

    walked = await poller.walk(one, None, slice_s=-1)

    assert walked == Walked("more", 1, 1, 1)
    walks = walks_of(one)
    assert walks._pause_ms(one, walked) <= 100


async def test_a_closed_tenants_stream_stands_still_and_is_looked_at_again(log, state, told, clock):
    vendor, closed = Vendor(page(1), page(2, more=False)), {"acme"}
    of = poll(vendor)
    walks = Walks(
        state,
        Poller(log, told, now_ms=clock, closed=closed),
        polls={of.key: of},
        call=lambda _: None,
        walked=lambda poll, walked: None,
        now_ms=clock,
    )
    await walks.adopt()

    still = await walks.walk(of.key)
    waits_s = await due_in_s(state, clock, of.key)
    closed.clear()
    again = await walks.walk(of.key)

    assert (still.end, vendor.cursors[:1]) == ("closed", [None])
    assert waits_s == 60
    assert (again.end, again.events) == ("done", 2)


async def test_a_tenant_that_is_closed_while_its_page_is_fetched_gets_nothing_recorded(log, told, clock):
    closed = set()

    class Slow(Vendor):
        async def fetch(self, call, cursor, now_ms):
            closed.add("acme")
            return await super().fetch(call, cursor, now_ms)

    walked = await Poller(log, told, now_ms=clock, closed=closed).walk(poll(Slow(page(1))), None)

    assert walked.end == "closed"
    assert (await log.head()).seq == 0
    assert await log.cursors() == {}
