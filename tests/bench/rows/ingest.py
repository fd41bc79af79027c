"""Durable signed webhooks through one ingest process (`mxhub serve`, fsync before each 202), against a bare
aiohttp application under the same load generator. Closed loop: 64 connections; open loop: 1,500 a second,
latency counted from the moment a request was due. Every answer must be 202, every event must be in the log.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.bench.bench import Bench, Incorrect, cpu_note
from tests.bench.payload import Target
from tests.bench.player import Plan, Played
from tests.bench.result import Result, at_least, at_most
from tests.bench.sink import Sink
from tests.bench.stand import CHECKOUT, Stand, opensearch
from tests.bench.stats import median, quantile, spread

ORDER = 1
_RUNS = 3
_OPEN_RATE = 1500


@dataclass(frozen=True, slots=True)
class Closed:
    """One closed-loop run."""

    played: Played
    cpu: str

    def p(self, share: float) -> float:
        return quantile(self.played.latencies_ms(), share)


@asynccontextmanager
async def bare() -> AsyncIterator[int]:
    """The yardstick, running; yields its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.hello"], stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    assert process.stdout is not None
    try:
        yield int(await asyncio.to_thread(process.stdout.readline))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def hello(bench: Bench, port: int, *, get: bool) -> float:
    """Requests a second of the yardstick."""
    target = Target(port, status=200 if get else 202)
    plan = Plan(
        target=target, first=0, count=bench.size(60_000, 10_000), get=get, seconds=bench.size(3.0, 1.0)
    )
    return (await bench.play(plan)).rate


async def closed(bench: Bench, stand: Stand) -> Closed:
    """One run against the hub; what was acknowledged must be in the log."""
    count = bench.size(30_000, 5_000)
    before, cpu = (await stand.log().head()).seq, await stand.cpu()
    plan = Plan(target=stand.target, first=stand.numbers(count), count=count, seconds=bench.size(5.0, 1.5))
    played = await bench.play(plan)
    head = await stand.log().head()
    if head.seq < before + played.ok:
        raise Incorrect(f"{played.ok} acknowledged, {head.seq - before} in the log")
    return Closed(played, cpu_note(cpu, await stand.cpu(), played.ok))


async def measure(bench: Bench) -> AsyncIterator[Result]:
    async with bare() as port, Sink() as sink, Stand({"sink": opensearch(sink.url)}) as stand:
        await stand.start("serve")
        get, post, runs = [], [], []
        for _ in range(bench.size(_RUNS, 1)):  # taking turns: the machine drifts
            get.append(await hello(bench, port, get=True))
            runs.append(await closed(bench, stand))
            post.append(await hello(bench, port, get=False))
        for result in _closed_rows("ingest", runs, median(get), at_least(5000)):
            yield result
        share = median(r.played.rate for r in runs) / median(get) * 100
        yield Result(
            name="ingest, share of bare aiohttp (GET hello)", value=share, unit="%", budget=at_least(60)
        )
        share = median(r.played.rate for r in runs) / median(post) * 100
        yield Result(
            name="ingest, share of bare aiohttp (POST, read)", value=share, unit="%", note=spread(post)
        )
        yield await _open_loop(bench, stand, "ingest p99 at 1,500/s, open loop", at_most(10))
        await stand.start("worker")
        await stand.settled(180)
        runs = [await closed(bench, stand) for _ in range(bench.size(_RUNS, 1))]
        for result in _closed_rows("ingest beside a worker", runs, median(get), None):
            yield result
        await stand.settled(180)
        yield await _open_loop(bench, stand, "ingest beside a worker, p99 at 1,500/s", None)


def _closed_rows(name, runs, yardstick, budget):
    rates = [run.played.rate for run in runs]
    yield Result(
        name=f"{name}, signed webhooks",
        value=median(rates),
        unit="/s",
        budget=budget,
        yardstick=yardstick,
        note=f"{spread(rates)}; {runs[-1].cpu}",
    )
    p50, p99 = (median(run.p(share) for run in runs) for share in (0.5, 0.99))
    yield Result(
        name=f"{name}, p99 at full load", value=p99, unit="ms", note=f"p50 {p50:.1f}; 64 connections"
    )


async def _open_loop(bench: Bench, stand: Stand, name: str, budget) -> Result:
    seconds, runs, cpu = bench.size(4.0, 1.5), [], ""
    for _ in range(bench.size(_RUNS, 1)):
        before, count = await stand.cpu(), int(_OPEN_RATE * seconds)
        plan = Plan(target=stand.target, first=stand.numbers(count), count=count, rate_per_s=_OPEN_RATE)
        runs.append((await bench.play(plan)).latencies_ms())
        cpu = cpu_note(before, await stand.cpu(), count)
    p50 = median(quantile(run, 0.5) for run in runs)
    p99 = [quantile(run, 0.99) for run in runs]
    note = f"{spread(p99, 1)}; p50 {p50:.1f}; {cpu}"
    return Result(name=name, value=median(p99), unit="ms", budget=budget, note=note)
