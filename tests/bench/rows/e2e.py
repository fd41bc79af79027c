"""Webhook to connector: signed webhooks that are acknowledged, archived and delivered to one `_bulk` sink.

At full load (closed loop, 64 connections) and at 1,500 a second (open loop); `serve` + `worker`, then `run`.
*To the sink* ends when the sink has it; *to done* when the archive has it and its delivery is settled (read
off the log every 5 ms). What was acknowledged must be in the sink, once, and in the archive; the books must
balance.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.bench.bench import Bench, Incorrect, cpu_note
from tests.bench.player import Plan
from tests.bench.result import Result, at_least, at_most
from tests.bench.sink import Sink
from tests.bench.stand import Layout, Stand, opensearch
from tests.bench.stats import median, quantile, spread
from tests.bench.trace import Trace

ORDER = 2
_RUNS = 3
_OPEN_RATE = 1500
_NAMES = {"split": "e2e, serve + worker", "run": "e2e, run"}


@dataclass(frozen=True, slots=True)
class Way:
    """One run, end to end."""

    per_s: float
    """Acknowledged, archived and delivered, until the last of them was."""
    acked_per_s: float
    to_sink_ms: list[float]
    to_done_ms: list[float]
    cpu: str


async def way(bench: Bench, stand: Stand, sink: Sink, plan: Plan) -> Way:
    """Send, wait until all of it is done, hold the three places against each other."""
    sink.expect(plan.first, plan.count)
    before, cpu = (await stand.log().head()).seq, await stand.cpu()
    async with Trace(stand, "sink") as trace:
        played = await bench.play(plan)
        await stand.settled(240)
    cpu_text = cpu_note(cpu, await stand.cpu(), played.ok)
    done = trace.done(before + 1, (await stand.log().head()).seq)
    taken = sink.taken()
    acked = played.numbers()
    if taken.numbers() != acked or not acked <= done.keys():
        raise Incorrect(
            f"{len(acked)} acknowledged, {len(taken.numbers())} in the sink, {len(done)} archived and settled"
        )
    due = {plan.first + at: time for at, time in enumerate(played.due)}
    began, ended = min(due[n] for n in acked), max(done[n] for n in acked)
    return Way(
        per_s=len(acked) / (ended - began),
        acked_per_s=played.rate,
        to_sink_ms=[(taken.times[n - plan.first] - due[n]) * 1e3 for n in acked],
        to_done_ms=[(done[n] - due[n]) * 1e3 for n in acked],
        cpu=cpu_text,
    )


async def measure(bench: Bench) -> AsyncIterator[Result]:
    for layout in ("split", "run"):
        async for result in _layout(bench, layout):
            yield result


async def _layout(bench: Bench, layout: Layout) -> AsyncIterator[Result]:
    name, bound = _NAMES[layout], layout == "split"
    async with Sink() as sink, Stand({"sink": opensearch(sink.url)}, layout=layout) as stand:
        for role in ("serve", "worker") if layout == "split" else ("run",):
            await stand.start(role)
        await way(bench, stand, sink, _full(stand, 500, 60))  # what is opened lazily is open now
        full, steady = [], []
        for _ in range(bench.size(_RUNS, 1)):
            full.append(
                await way(bench, stand, sink, _full(stand, bench.size(25_000, 4_000), bench.size(6.0, 2.0)))
            )
            steady.append(await way(bench, stand, sink, _open(stand, bench.size(4.0, 1.5))))
    rates = [run.per_s for run in full]
    yield Result(
        name=f"{name}, acked + archived + delivered",
        value=median(rates),
        unit="/s",
        budget=at_least(4000) if bound else None,
        note=f"{spread(rates)}; acked {median(r.acked_per_s for r in full):,.0f}/s; {full[-1].cpu}",
    )
    for load, runs, most in (("full load", full, 150), ("1,500/s", steady, 30)):
        for result in _latencies(f"{name}, {load}", runs, most if bound else None):
            yield result


def _full(stand: Stand, count: int, seconds: float) -> Plan:
    return Plan(target=stand.target, first=stand.numbers(count), count=count, seconds=seconds)


def _open(stand: Stand, seconds: float) -> Plan:
    count = int(_OPEN_RATE * seconds)
    return Plan(target=stand.target, first=stand.numbers(count), count=count, rate_per_s=_OPEN_RATE)


def _latencies(name, runs, most):
    for what, pick, budget in (
        ("to done p99", lambda run: run.to_done_ms, most),
        ("to the sink p99", lambda run: run.to_sink_ms, None),
    ):
        p99 = [quantile(pick(run), 0.99) for run in runs]
        p50 = median(quantile(pick(run), 0.5) for run in runs)
        yield Result(
            name=f"{name}, {what}",
            value=median(p99),
            unit="ms",
            budget=at_most(budget) if budget else None,
            note=f"{spread(p99, 1)}; p50 {p50:.1f}; {runs[-1].cpu}",
        )
