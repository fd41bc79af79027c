"""What one hanging destination does to the others: p99 from webhook to sink of four healthy connectors, while
a fifth that gets everything takes connections and never answers. Pairs of blocks, without and with the hang,
taking turns, because the machine drifts; the backlog is drained in between.
"""

from collections.abc import AsyncIterator

from tests.bench.bench import Bench, Incorrect
from tests.bench.payload import DOMAINS
from tests.bench.player import Plan
from tests.bench.result import Result, at_most
from tests.bench.sink import Sink
from tests.bench.stand import Stand, opensearch
from tests.bench.stats import median, quantile, spread

ORDER = 6
_HEALTHY = 4
_RATE = 1000
_PAIRS = 5


async def measure(bench: Bench) -> AsyncIterator[Result]:
    async with Sink() as good, Sink() as bad, Stand(_connectors(good, bad)) as stand:
        await stand.start("serve")
        await stand.start("worker")
        await _block(bench, stand, good, 1.0, ())
        without, hung = [], []
        for _ in range(bench.size(_PAIRS, 1)):
            without.append(await _block(bench, stand, good, bench.size(3.0, 1.0), ()))
            bad.hang(True)
            hung.append(await _block(bench, stand, good, bench.size(3.0, 1.0), ("bad",)))
            if not next(b for b in await stand.log().books() if b.connector == "bad").pending:
                raise Incorrect("the hanging destination took events")
            bad.hang(False)
            await stand.settled(120)
    ratios = [(with_hang / alone - 1) * 100 for alone, with_hang in zip(without, hung, strict=True)]
    yield Result(
        name="one hanging destination, change of the others' p99",
        value=median(ratios),
        unit="%",
        budget=at_most(10),
        note=f"pairs: {spread(ratios)}; {_RATE:,}/s",
    )
    yield Result(
        name="one hanging destination, the others' p99 meanwhile",
        value=median(hung),
        unit="ms",
        yardstick=median(without),
        note="yardstick: without the hang",
    )


def _connectors(good: Sink, bad: Sink) -> dict[str, dict[str, object]]:
    rows = {
        f"good{n}": opensearch(
            good.url,
            match=f"[{{domain: [{', '.join(f'customer{d}.example' for d in range(n, DOMAINS, _HEALTHY))}]}}]",
        )
        for n in range(_HEALTHY)
    }
    return {**rows, "bad": opensearch(bad.url, deadline_s=2, probe_most_s=1)}


async def _block(bench: Bench, stand: Stand, good: Sink, seconds: float, apart: tuple[str, ...]) -> float:
    """p99 from the moment a webhook was due to its arrival at the healthy sink, ms."""
    count = int(_RATE * seconds)
    first = stand.numbers(count)
    good.expect(first, count)
    played = await bench.play(Plan(target=stand.target, first=first, count=count, rate_per_s=_RATE))
    await stand.settled(120, apart_from=apart)
    taken = good.taken()
    if taken.numbers() != played.numbers():
        raise Incorrect(f"{played.ok} acknowledged, {len(taken.numbers())} in the healthy sink")
    return quantile(((at - due) * 1e3 for at, due in zip(taken.times, played.due, strict=True)), 0.99)
