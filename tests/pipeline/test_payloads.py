"""Where a reference's payload comes from: memory, the log, the archive; never from nowhere."""

import pytest

from hub.pipeline import payloads as module
from hub.pipeline.payloads import MissingPayload, Payloads
from hub.store.base import Stale
from tests.factories.stages import entry, event, record, seqs


class Counting:
    """A log that counts what it is asked."""

    def __init__(self, log):
        self.log, self.asked = log, []

    async def entries(self, wanted):
        self.asked.append(list(wanted))
        return await self.log.entries(wanted)

    async def read(self, after, count):
        self.asked.append(after)
        return await self.log.read(after, count)


async def test_what_was_read_lately_is_not_read_again(log):
    await record(log, *(event(n) for n in range(1, 6)))
    counting = Counting(log)
    payloads = Payloads(counting, None)

    assert seqs(await payloads.after(0, 10)) == [1, 2, 3, 4, 5]
    assert seqs(await payloads.after(2, 10)) == [3, 4, 5]
    assert seqs(await payloads.of([4, 1])) == [4, 1]
    assert counting.asked == [0]


async def test_after_gives_no_more_than_asked_for(log):
    await record(log, *(event(n) for n in range(1, 6)))
    payloads = Payloads(log, None)
    await payloads.after(0, 10)

    assert seqs(await payloads.after(1, 2)) == [2, 3]


async def test_a_hole_shows_as_an_entry_that_does_not_follow(log):
    await record(log, *(event(n) for n in range(1, 6)))
    await log.publish("{}", [], now_ms=0)
    await log.route(0, 5, (await log.table())[0], {})
    await log.trim(3)

    assert seqs(await Payloads(log, None).after(0, 10)) == [4, 5]


async def test_what_the_log_forgot_comes_from_the_archive(log):
    await record(log, event(1), event(2))

    async def archived(wanted):
        return {seq: entry(seq) for seq in wanted if seq == 7}

    assert seqs(await Payloads(log, archived).of([7, 2])) == [7, 2]


async def test_what_is_nowhere_is_an_error_that_names_it(log):
    await record(log, event(1))

    async def archived(wanted):
        return {}

    with pytest.raises(MissingPayload, match=r"2 event\(s\) \(seq 5, 9\) is neither") as missing:
        await Payloads(log, archived).of([1, 5, 9])

    assert missing.value.seqs == (5, 9)


async def test_the_oldest_gives_way_by_size(log, monkeypatch):
    monkeypatch.setattr(module, "CACHE_BYTES", 10_000)
    counting = Counting(log)
    payloads = Payloads(counting, None)
    payloads.hold([entry(n, body=b"x" * 1500) for n in range(1, 9)])

    assert seqs(await payloads.after(3, 10)) == [4, 5, 6, 7, 8]
    assert counting.asked == []
    assert seqs(await payloads.after(2, 10)) == []
    assert counting.asked == [2]


async def test_what_gives_way_while_the_rest_is_fetched_is_given_all_the_same(log, monkeypatch):
    monkeypatch.setattr(module, "CACHE_BYTES", 4000)
    payloads = Payloads(log, None)
    payloads.hold([entry(1, body=b"x" * 1000)])

    async def archived(wanted):
        payloads.hold([entry(n, body=b"x" * 1000) for n in range(10, 20)])
        return {seq: entry(seq) for seq in wanted}

    payloads._archived = archived

    assert seqs(await payloads.of([1, 2])) == [1, 2]


async def routed(log, name, *refs):
    gen = await log.publish(f'{{"{name}":[{{}}]}}', [name], now_ms=1)
    await log.route(0, max(refs), gen, {name: list(refs)})


async def test_a_reference_to_an_erased_event_ends_as_dropped_instead_of_stopping_its_connector(log):
    await record(log, *(event(n) for n in range(1, 6)))
    await routed(log, "a", 1, 2, 3, 4, 5)
    await log.trim(4)

    async def nothing(seqs):
        return {}

    async def erased(seqs):
        return {2, 3} & set(seqs)

    payloads = Payloads(log, nothing, erased)
    with pytest.raises(Stale, match="2 event"):
        await payloads.of([1, 2, 3, 5])

    assert (await log.peek("a", 9, now_ms=1)).refs == (1, 4, 5)
    with pytest.raises(MissingPayload):
        await payloads.of([1, 4])


async def test_nothing_of_a_closed_tenant_is_given_from_memory(log):
    await record(log, event(1))
    closed = set()
    payloads = Payloads(log, None, closed=closed)
    await payloads.after(0, 10)
    await routed(log, "a", 1)
    await log.trim(1)

    held = seqs(await payloads.of([1]))
    closed.add("acme")

    assert held == [1]
    with pytest.raises(MissingPayload):
        await payloads.of([1])
