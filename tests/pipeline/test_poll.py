"""A walk: the next page is fetched while this one is recorded, and nothing gets ahead of what is durable."""

import asyncio

import pytest

from hub.pipeline.poll import Poll, Poller, Walked
from hub.registry import Registry
from hub.sdk.source import Item, Page, PollFailed, Stream
from hub.store.base import Recorded, Stale, Unavailable
from tests.factories.hostile_bodies import good
from tests.factories.stages import NOW_MS

SPEC = Registry().source("mailguard")


class Vendor:
    """So many pages of so many entries; `fails` at a page."""

    def __init__(self, pages, entries, *, fails=None):
        self.pages, self.entries, self.fails = pages, entries, fails
        self.fetching, self.fetched = asyncio.Event(), []

    async def fetch(self, call, cursor, now_ms):
        n = int(cursor or 0)
        self.fetched.append(n)
        if n:
            self.fetching.set()
        if n == self.fails:
            raise PollFailed("HTTP 500")
        await asyncio.sleep(0.001)
        first = 1000 * n
        items = [Item("quarantine.added", {}, good(first + at)) for at in range(self.entries)]
        return Page(items=items, cursor=str(n + 1), more=n + 1 < self.pages)


class Log:
    """Stands for the log's record: what it was given, in order; a gate, and errors, as a test decides."""

    def __init__(self):
        self.steps, self.errors, self.busy = [], {}, 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def cursor(self, stream):
        return None

    async def record(self, events, move=None, *, now_ms):
        assert self.busy == 0, "a step before the answer to the one before"
        self.busy += 1
        await asyncio.sleep(0.001)
        await self.gate.wait()
        self.busy -= 1
        self.steps.append((len(events), move.to if move else None))
        if error := self.errors.get(len(self.steps)):
            raise error
        return Recorded((True,) * len(events), 0)


class Quiet:
    def page(self, poll, items, fresh):
        assert len(items) == len(fresh)

    def gap(self, poll, reason):
        return None


@pytest.fixture
async def log():
    return Log()


def walk(log, vendor):
    stream = Stream(name="audit", fetch=vendor.fetch)
    poll = Poll(source="mg", tenant="acme", spec=SPEC, stream=stream, every_s=300.0)
    return Poller(log, Quiet(), now_ms=lambda: NOW_MS).walk(poll, None)


async def test_the_next_page_is_fetched_while_this_one_is_recorded(log):
    vendor = Vendor(2, 3)
    log.gate.clear()
    walking = asyncio.create_task(walk(log, vendor))
    await vendor.fetching.wait()
    steps = list(log.steps)
    log.gate.set()

    assert steps == []
    assert await walking == Walked("done", 2, 6, 6)


async def test_a_page_is_recorded_in_chunks_one_after_another_the_cursor_with_the_last(log):
    walked = await walk(log, Vendor(2, 450))

    assert log.steps == [(200, None), (200, None), (50, "1"), (200, None), (200, None), (50, "2")]
    assert walked == Walked("done", 2, 900, 900)


async def test_an_empty_page_moves_the_cursor_alone(log):
    assert await walk(log, Vendor(1, 0)) == Walked("done", 1, 0, 0)
    assert log.steps == [(0, "1")]


@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize(("error", "end"), [(Stale("cursor"), "stale"), (Unavailable("gone"), "full")])
async def test_what_cannot_be_recorded_ends_the_walk_there(log, step, error, end):
    vendor = Vendor(9, 450)
    log.errors[step] = error

    walked = await walk(log, vendor)

    assert (walked.end, walked.pages, len(log.steps)) == (end, 0, step)
    assert vendor.fetched == [0, 1]


async def test_a_page_that_cannot_be_fetched_costs_nothing_of_the_one_before(log):
    walked = await walk(log, Vendor(9, 3, fails=1))

    assert (walked.end, walked.pages, walked.fresh) == ("failed", 1, 3)
    assert log.steps == [(3, "1")]


async def test_a_walk_that_is_cancelled_gives_up_the_page_ahead(log):
    vendor = Vendor(9, 450)
    log.gate.clear()
    walking = asyncio.create_task(walk(log, vendor))
    await vendor.fetching.wait()
    walking.cancel()
    await asyncio.gather(walking, return_exceptions=True)

    assert walking.cancelled()
    assert log.steps == []
    assert {task for task in asyncio.all_tasks() if task is not asyncio.current_task()} == set()
