"""Memory of the whole process tree: idle without the core, the demo with it, after full load; and what an
event in the log and a queued reference cost. RSS counts shared pages in each process, PSS counts them once.
"""

import asyncio
from collections.abc import AsyncIterator

from hub.store.keys import PartitionKeys
from tests.bench import proc
from tests.bench.bench import Bench
from tests.bench.demo import Demo
from tests.bench.player import Plan
from tests.bench.result import Result, at_most
from tests.bench.rows.drain import record
from tests.bench.sink import Sink
from tests.bench.stand import Stand, opensearch

ORDER = 7


async def measure(bench: Bench) -> AsyncIterator[Result]:
    async with Sink() as sink, Stand({"sink": opensearch(sink.url)}, layout="run") as stand:
        pid = await stand.start("run")
        await asyncio.sleep(bench.size(6.0, 3.0))
        yield _tree("idle, hub without core (run)", pid, 120)
        count = bench.size(30_000, 4_000)
        after = []
        for _ in range(3):
            await bench.play(Plan(target=stand.target, first=stand.numbers(count), count=count))
            await stand.settled(240)
            after.append(proc.rss_mb([pid]))
        yield _tree(f"after {3 * count:,} events at full load (run)", pid, None)
        note = f"after each third: {', '.join(f'{mb:.0f}' for mb in after)}"
        yield Result(
            name="memory, growth of the process in the last third",
            value=after[2] - after[1],
            unit="MB",
            note=note,
        )
    async with Sink() as sink, Stand({"sink": opensearch(sink.url)}) as stand:
        await stand.start("serve")
        await stand.start("worker")
        await asyncio.sleep(bench.size(4.0, 1.0))
        pids = (await stand.pids()).values()
        yield _pids("idle, serve + worker + server", list(pids), None)
    async with Demo() as demo:
        await asyncio.sleep(bench.size(8.0, 2.0))
        yield _tree("demo with core (run)", demo.pid, 170)
    async for result in _per_event(bench):
        yield result


def _tree(name: str, pid: int, most: float | None) -> Result:
    return _pids(name, proc.tree(pid), most)


def _pids(name: str, pids: list[int], most: float | None) -> Result:
    return Result(
        name=f"memory, {name}",
        value=proc.rss_mb(pids),
        unit="MB RSS",
        budget=at_most(most) if most else None,
        note=f"PSS {proc.pss_mb(pids):.0f} MB; {len(pids)} processes: "
        + ", ".join(f"{proc.rss_mb([pid]):.0f}" for pid in pids),
    )


async def _per_event(bench: Bench) -> AsyncIterator[Result]:
    """What the log's server holds for an event that waits, and for a reference to it."""
    count, keys = bench.size(50_000, 5_000), PartitionKeys(0)
    async with Stand() as stand:
        log, redis = stand.log(), stand.redis()
        await log.open()
        await log.publish('{"sink":[{}]}', ["sink"], now_ms=1)
        begin = (await redis.info("memory"))["used_memory"]
        await record(stand, count)
        full = (await redis.info("memory"))["used_memory"]
        seen = sum([await redis.memory_usage(key, samples=0) or 0 for key in keys.seen])
        sample = await log.read(0, 1000)
        body = sum(len(entry.body) for entry in sample) / len(sample)
        gen, _ = await log.table()
        for frm in range(0, count, 2000):
            to = min(frm + 2000, count)
            await log.route(frm, to, gen, {"sink": range(frm + 1, to + 1)})
        queued = await redis.memory_usage(keys.queue("sink"), samples=0) or 0
    over = (full - begin - seen) / count - body
    note = f"bodies of {body:,.0f} B; an id to know repeats by costs {seen / count:.0f} B more"
    yield Result(
        name="memory, event in the log beside its body", value=over, unit="B", budget=at_most(150), note=note
    )
    yield Result(
        name="memory, queued reference",
        value=queued / count,
        unit="B",
        budget=at_most(12),
        note=f"{count:,} references in one queue",
    )
