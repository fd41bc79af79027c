"""Who is served, by whom, and what a lane leaves behind when it is closed."""

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest

from hub.model.outcome import Delivered
from hub.pipeline.lanes import Lanes
from hub.pipeline.payloads import Payloads
from hub.pipeline.send import Lane, Sender
from tests.factories.stages import NOW_MS, come_true, event, record


class Destination:
    """A connector that says when it is used, and waits when told to."""

    def __init__(self):
        self.got, self.opened, self.closed = [], 0, 0
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.entered = asyncio.Event()

    async def __aenter__(self):
        self.opened += 1
        return self

    async def __aexit__(self, *_):
        self.closed += 1

    async def send(self, batch):
        assert self.opened > self.closed, "used after it was closed"
        self.entered.set()
        await self.going_on.wait()
        self.got += [entry.seq for entry in batch]
        return [Delivered()] * len(batch)


class Quiet:
    def sent(self, lane, fates, lag_ms):
        pass

    blocked = recovered = sent


async def no_wait(*_):
    return 0.0


@pytest.fixture
def destination():
    return Destination()


@pytest.fixture
def lanes_of(log):
    """Lanes of one process; `connectors` may change while it runs."""

    @asynccontextmanager
    async def make(connectors):
        def sender(row):
            if row not in connectors:
                return None
            return Sender(
                Lane(name=row, kind="test"), connectors[row], log, Payloads(log, None),
                now_ms=lambda: NOW_MS, take=no_wait, observer=Quiet(),
            )  # fmt: skip

        lanes = Lanes(log, sender, now_ms=lambda: NOW_MS)
        yield lanes
        await lanes.stop(1.0)

    return make


async def queued(log, n, *, names=("all",)):
    """`n` events, routed to each of the names."""
    head = await log.head()
    await log.publish(orjson.dumps({name: [{}] for name in names}).decode(), sorted(names), now_ms=NOW_MS)
    await record(log, *(event(head.seq + at) for at in range(1, n + 1)))
    refs = list(range(head.seq + 1, head.seq + n + 1))
    await log.route(head.routed, head.seq + n, (await log.table())[0], dict.fromkeys(names, refs))


async def test_a_lane_that_is_woken_sends_all_that_waits(log, lanes_of, destination):
    await queued(log, 1200)
    async with lanes_of({"all": destination}) as lanes:
        lanes.wake(["all"])
        await come_true(lambda: _got(destination, 1200))

    assert destination.got == list(range(1, 1201))
    assert (destination.opened, destination.closed) == (1, 1)


async def _got(destination, n):
    return len(destination.got) == n


async def test_a_bell_during_a_round_is_not_lost(log, lanes_of, destination):
    await queued(log, 1)
    async with lanes_of({"all": destination}) as lanes:
        destination.going_on.clear()
        lanes.wake(["all"])
        await destination.entered.wait()
        await queued(log, 1)
        lanes.wake(["all"])
        destination.going_on.set()

        await come_true(lambda: _got(destination, 2))


async def test_what_the_store_knows_of_a_lane_that_runs_costs_no_look_of_its_own(log, lanes_of, destination):
    await queued(log, 1)
    looks, peek = [], log.peek

    async def counting(name, n, **more):
        looks.append(name)
        return await peek(name, n, **more)

    log.peek = counting
    async with lanes_of({"all": destination}) as lanes:
        destination.going_on.clear()
        lanes.wake(["all"])
        await destination.entered.wait()
        lanes.wake(["all"], due=True)
        destination.going_on.set()
        await come_true(lambda: _got(destination, 1))

    assert looks == ["all"]


async def test_the_lease_is_kept_as_long_as_a_round_takes(log, lanes_of, destination, monkeypatch):
    monkeypatch.setattr("hub.pipeline.lanes.LEASE_MS", 200)
    await queued(log, 1)
    acquired, acquire = [], log.acquire

    async def counting(name, token, ms):
        acquired.append(name)
        return await acquire(name, token, ms)

    log.acquire = counting

    async def extended():
        return len(acquired) >= 5

    async with lanes_of({"all": destination}) as lanes:
        destination.going_on.clear()
        lanes.wake(["all"])
        await come_true(extended)
        destination.going_on.set()
        await come_true(lambda: _got(destination, 1))
        await asyncio.sleep(0.2)
        held = len(acquired)
        await asyncio.sleep(0.3)

    assert len(acquired) == held


async def renamed_while_sending(log, lanes_of, destination, *, pauses):
    """Five events are being sent as their connector gets another name."""
    await queued(log, 5)
    renamed = Destination()
    async with lanes_of({"all": destination, "siem": renamed}) as lanes:
        destination.going_on.clear()
        lanes.wake(["all"])
        await destination.entered.wait()
        if pauses:
            await log.pause("all", now_ms=NOW_MS)
            destination.going_on.set()
            await come_true(lambda: _settled(log))
        await log.rename("all", "siem")
        destination.going_on.set()
        await log.resume("siem", now_ms=NOW_MS)
        lanes.wake(["siem"], due=True)
        await come_true(lambda: _settled(log))
        await lanes.close("all")
    (book,) = await log.books()
    assert (book.connector, book.delivered, book.balanced) == ("siem", 5, True)
    return destination.got + renamed.got


async def test_what_is_being_sent_during_a_rename_comes_again_and_nothing_is_lost(log, lanes_of, destination):
    got = await renamed_while_sending(log, lanes_of, destination, pauses=False)

    assert sorted(got) == sorted([1, 2, 3, 4, 5] * 2)


async def test_after_a_pause_a_rename_sends_nothing_twice(log, lanes_of, destination):
    got = await renamed_while_sending(log, lanes_of, destination, pauses=True)

    assert got == [1, 2, 3, 4, 5]


async def test_a_row_that_nobody_serves_is_left_alone(log, lanes_of):
    await queued(log, 1, names=("orphan",))
    async with lanes_of({}) as lanes:
        for _ in range(3):
            lanes.wake(["orphan"], due=True)
            await asyncio.sleep(0.02)

        assert lanes.names() == ["orphan"]
    assert (await log.books())[0].pending == 1


async def test_one_that_hangs_holds_up_nobody(log, lanes_of, destination):
    hangs = Destination()
    hangs.going_on.clear()
    await queued(log, 5, names=("all", "hangs"))
    async with lanes_of({"all": destination, "hangs": hangs}) as lanes:
        lanes.wake(["hangs", "all"])
        await come_true(lambda: _got(destination, 5), 1.0)
        hangs.going_on.set()

    assert hangs.got == [1, 2, 3, 4, 5]


async def test_two_processes_do_not_serve_one_lane_at_once(log, lanes_of, destination):
    other = Destination()
    await queued(log, 1)
    async with lanes_of({"all": destination}) as mine, lanes_of({"all": other}) as theirs:
        destination.going_on.clear()
        mine.wake(["all"])
        await destination.entered.wait()
        theirs.wake(["all"])
        await asyncio.sleep(0.1)
        destination.going_on.set()
        await come_true(lambda: _got(destination, 1))

    assert other.got == []


async def test_a_closed_lane_gives_its_lease_back(log, lanes_of, destination):
    other = Destination()
    await queued(log, 1)
    async with lanes_of({"all": destination}) as mine, lanes_of({"all": other}) as theirs:
        mine.wake(["all"])
        await come_true(lambda: _got(destination, 1))
        await mine.close("all")
        await queued(log, 1)
        theirs.wake(["all"])

        await come_true(lambda: _got(other, 1))


async def test_a_closed_lane_is_made_anew_and_the_old_connector_is_never_used_again(log, lanes_of):
    connectors = {"all": Destination()}
    first = connectors["all"]
    async with lanes_of(connectors) as lanes:
        for _ in range(30):
            await queued(log, 3)
            lanes.wake(["all"])
            connectors["all"] = Destination()
            closing = asyncio.create_task(lanes.close("all"))
            lanes.wake(["all"])
            await closing
            lanes.wake(["all"], due=True)
        await come_true(lambda: _settled(log))

    assert first.closed == first.opened
    assert [one.blocked for one in await log.books()] == [None]


async def _settled(log):
    (book,) = await log.books()
    return book.pending == 0


async def test_stopping_lets_a_round_settle_what_it_sends(log, lanes_of, destination):
    await queued(log, 1)
    async with lanes_of({"all": destination}) as lanes:
        destination.going_on.clear()
        lanes.wake(["all"])
        await destination.entered.wait()
        asyncio.get_running_loop().call_later(0.1, destination.going_on.set)

    assert await _settled(log)
    assert destination.closed == 1


async def test_stopping_does_not_wait_for_ever(log, destination):
    await queued(log, 1)
    sender = Sender(
        Lane(name="all", kind="test"), destination, log, Payloads(log, None),
        now_ms=lambda: NOW_MS, take=no_wait, observer=Quiet(),
    )  # fmt: skip
    lanes = Lanes(log, lambda row: sender, now_ms=lambda: NOW_MS)
    destination.going_on.clear()
    lanes.wake(["all"])
    await destination.entered.wait()
    await asyncio.wait_for(lanes.stop(0.05), 2)

    assert destination.closed == 1
    assert not await _settled(log)


async def test_a_connector_that_cannot_be_opened_is_shown_as_blocked(log, lanes_of, destination):
    class Broken(Destination):
        async def __aenter__(self):
            raise KeyError("certificate")

    await queued(log, 1)
    async with lanes_of({"all": Broken()}) as lanes:
        lanes.wake(["all"])

        async def blocked():
            return "KeyError" in ((await log.books())[0].blocked or "")

        await come_true(blocked)
