"""A backlog of recorded events drained by one worker: archived, and delivered to `_bulk`.

The events are recorded beforehand, then `mxhub worker` starts; the clock runs from its first step to the last
event's fate. To a stub that answers at once, and to a real OpenSearch node where the tests brought one.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic, time_ns

from hub.pipeline.normalise import normalise_body
from hub.pipeline.record import chunks
from hub.registry import Registry
from hub.store.log import Limits
from tests.bench.bench import Bench, Incorrect, cpu_note
from tests.bench.payload import body
from tests.bench.result import Result, at_least
from tests.bench.sink import Sink
from tests.bench.stand import Stand, opensearch
from tests.bench.stats import median, spread
from tests.servers.catalog import missing
from tests.servers.opensearch import Node

ORDER = 3
_RUNS = 3


async def record(stand: Stand, count: int) -> int:
    """Record so many events as a door would have; returns the first number."""
    spec, now = Registry().source("mailguard"), time_ns() // 1_000_000
    log, first = stand.log(), stand.numbers(count)
    log.limits = Limits(max_entries=10_000_000, max_bytes=8 << 30)
    events = (normalise_body(spec, "bench", "mg", body(n), now)[0].event for n in range(first, first + count))
    for piece in chunks(events):
        await log.record(piece, now_ms=now)
    return first


async def measure(bench: Bench) -> AsyncIterator[Result]:
    count = bench.size(100_000, 5_000)
    async with Sink() as sink:
        runs = [await _drain(count, sink.url, sink) for _ in range(bench.size(_RUNS, 1))]
    for result in _results("drain to a stub sink", runs, at_least(7000)):
        yield result
    async with _node() as found:
        if isinstance(found, str):
            yield Result(name="drain to OpenSearch", value=None, unit="/s", note=found)
            return
        runs = [await _drain(count, found.url, None)]
        for result in _results(f"drain to OpenSearch {found.major}", runs, None):
            yield result


def _results(name, runs, budget):
    per_core = [per_core for _, per_core, _ in runs]
    rates = [rate for rate, _, _ in runs]
    note = runs[-1][2]
    yield Result(
        name=f"{name}, per worker core",
        value=median(per_core),
        unit="/s",
        budget=budget,
        note=spread(per_core),
    )
    yield Result(
        name=f"{name}, by the clock", value=median(rates), unit="/s", note=f"{spread(rates)}; {note}"
    )


@asynccontextmanager
async def _node() -> AsyncIterator[Node | str]:
    """A running node, else why there is none."""
    reasons = {major: missing(f"opensearch-{major}") for major in ("3", "2")}
    major = next((major for major, reason in reasons.items() if reason is None), None)
    if major is None:
        yield f"no OpenSearch: {reasons['3']}"
        return
    node = Node(major)
    try:
        node.start()
        yield node
    finally:
        node.stop()


async def _drain(count: int, url: str, sink: Sink | None) -> tuple[float, float, str]:
    """Events a second by the clock, events a CPU second of the worker, CPU note."""
    async with Stand({"sink": opensearch(url)}) as stand:
        await stand.log().open()
        await stand.log().publish('{"sink":[{}]}', ["sink"], now_ms=time_ns() // 1_000_000)
        first = await record(stand, count)
        if sink is not None:
            sink.expect(first, count)
        await stand.start("worker")
        before, began, at = await stand.cpu(), monotonic(), (await stand.log().head()).routed
        (book,) = await stand.settled(600)
        after, elapsed = await stand.cpu(), monotonic() - began
    if book.delivered != count or (sink is not None and len(sink.taken().numbers()) != count):
        raise Incorrect(f"{count} recorded, {book}")
    spent = after["worker"] - before["worker"]
    return (count - at) / elapsed, (count - at) / spent, cpu_note(before, after, count - at)
