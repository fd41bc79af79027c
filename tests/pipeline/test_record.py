"""Group commit."""

import asyncio

import pytest

from hub.model.event import Event, Header
from hub.pipeline.record import MAX_BATCH_BYTES, Recorder, chunks
from hub.store.base import Full, Recorded, Unavailable

HEADER = Header("t", "s", 0, "c", 1, "", 1, 1)


def event(n, size=10):
    return Event(n.to_bytes(16, "big"), HEADER, b"x" * size)


class SlowLog:
    """Stands for the log's `record` alone: keeps batches, dedupes, can be told to fail."""

    def __init__(self) -> None:
        self.batches, self.seen, self.error, self.gate = [], set(), None, asyncio.Event()
        self.gate.set()

    async def record(self, events, move=None, *, now_ms):
        await self.gate.wait()
        if self.error:
            raise self.error
        self.batches.append(list(events))
        fresh = tuple(e.uid not in self.seen for e in events)
        self.seen |= {e.uid for e in events}
        return Recorded(fresh, len(self.seen))


@pytest.fixture
async def log():
    return SlowLog()


@pytest.fixture
async def recorder(log):
    recorder = Recorder(log, now_ms=lambda: 1)
    await recorder.start()
    yield recorder
    await recorder.stop()


async def test_requests_in_flight_share_one_commit(log, recorder):
    log.gate.clear()
    first = asyncio.create_task(recorder.record([event(0)]))
    await asyncio.sleep(0)
    rest = [asyncio.create_task(recorder.record([event(n)])) for n in range(1, 51)]
    await asyncio.sleep(0.01)
    log.gate.set()
    await asyncio.gather(first, *rest)

    assert [len(batch) for batch in log.batches] == [1, 50]


async def test_each_request_learns_which_of_its_events_were_new(recorder):
    await recorder.record([event(1), event(2)])

    assert await recorder.record([event(2), event(3)]) == [False, True]


async def test_a_request_larger_than_a_batch_is_done_when_all_of_it_is(log, recorder):
    fresh = await recorder.record([event(n) for n in range(450)])

    assert fresh == [True] * 450
    assert [len(batch) for batch in log.batches] == [200, 200, 50]


async def test_a_commit_holds_at_most_a_mebibyte(log, recorder):
    log.gate.clear()
    tasks = [asyncio.create_task(recorder.record([event(n, 400_000)])) for n in range(5)]
    await asyncio.sleep(0.01)
    log.gate.set()
    await asyncio.gather(*tasks)

    assert all(sum(len(e.body) for e in batch) <= MAX_BATCH_BYTES for batch in log.batches)


async def test_a_client_that_hangs_up_cancels_nobody_elses_commit(log, recorder):
    log.gate.clear()
    gone = asyncio.create_task(recorder.record([event(1)]))
    stays = asyncio.create_task(recorder.record([event(2)]))
    await asyncio.sleep(0.01)
    gone.cancel()
    log.gate.set()

    assert await stays == [True]
    assert event(1).uid in log.seen


async def test_events_are_made_when_their_commit_is_next(log, recorder):
    made = []

    def making(n):
        return lambda: made.append(n) or [event(n)]

    log.gate.clear()
    first = asyncio.create_task(recorder.commit(making(0)))
    await asyncio.sleep(0.01)
    rest = [asyncio.create_task(recorder.commit(making(n))) for n in (1, 2)]
    await asyncio.sleep(0.01)
    made_early = list(made)
    log.gate.set()
    await asyncio.gather(first, *rest)

    assert made_early == [0]
    assert [[e.uid for e in batch] for batch in log.batches] == [
        [event(0).uid],
        [event(1).uid, event(2).uid],
    ]


async def test_events_that_cannot_be_made_fail_their_request_alone(log, recorder):
    def refuse():
        raise ValueError("too many")

    log.gate.clear()
    blocker = asyncio.create_task(recorder.record([event(0)]))
    await asyncio.sleep(0.01)
    tasks = [asyncio.create_task(recorder.commit(make)) for make in (lambda: [event(1)], refuse, list)]
    tasks.append(asyncio.create_task(recorder.record([event(2)])))
    log.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert (answers[0], str(answers[1]), answers[2], answers[3]) == ([True], "too many", [], [True])
    assert await blocker == [True]


async def test_a_request_without_events_is_answered_at_once(log, recorder):
    assert await recorder.record([]) == []
    assert log.batches == []


async def test_a_full_log_fails_those_requests_and_not_the_next(log, recorder):
    log.error = Full("full")
    with pytest.raises(Full):
        await recorder.record([event(1)])
    log.error = None

    assert await recorder.record([event(2)]) == [True]


def test_chunks_keep_order_and_limits():
    events = [event(n, 300_000) for n in range(7)] + [event(9, 3_000_000), event(10)]

    pieces = list(chunks(events))

    assert [e for piece in pieces for e in piece] == events
    assert all(len(piece) == 1 or sum(len(e.body) for e in piece) <= MAX_BATCH_BYTES for piece in pieces)


async def test_what_comes_after_the_stop_is_refused_and_does_not_wait_for_ever(log, recorder):
    waiting = asyncio.create_task(recorder.record([event(0)]))
    await asyncio.sleep(0)
    await recorder.stop()

    with pytest.raises(Unavailable, match="stopping"):
        await recorder.record([event(1)])
    assert await waiting == [True]
    assert log.batches == [[event(0)]]
