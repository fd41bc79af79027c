"""A thousand connectors, each event matching two of them, 500 events a second: the time from recording to the
settled delivery, and the CPU time of the router, measured inside the worker. The connectors deliver to
nothing, so what is left is the hub's own cost.
"""

import json
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.bench import Bench, Incorrect
from tests.bench.blackhole import distribution
from tests.bench.payload import DOMAINS
from tests.bench.player import Plan
from tests.bench.probe import VARIABLE
from tests.bench.result import Result, at_most
from tests.bench.stand import CHECKOUT, Stand
from tests.bench.stats import quantile

ORDER = 5
_CONNECTORS = 1000
_RATE = 500


async def measure(bench: Bench) -> AsyncIterator[Result]:
    rows = {
        f"c{n}": {"kind": "blackhole", "match": f"[{{domain: customer{n % DOMAINS}.example}}]"}
        for n in range(_CONNECTORS)
    }
    with tempfile.TemporaryDirectory(prefix="mxb-") as folder:
        probe = Path(folder) / "probe.json"
        paths = [str(distribution(Path(folder) / "site")), str(CHECKOUT), os.environ.get("PYTHONPATH", "")]
        environment = {"PYTHONPATH": os.pathsep.join(filter(None, paths)), VARIABLE: str(probe)}
        async with Stand(rows, environment=environment) as stand:
            elapsed, cpu, warm = await _load(bench, stand)
        found = json.loads(probe.read_text())
    for result in _results(found, elapsed, cpu, warm):
        yield result


async def _load(bench: Bench, stand: Stand) -> tuple[float, dict[str, float], int]:
    """Seconds of load, CPU seconds of each process, batches settled before it (while lanes were opened)."""
    await stand.start("worker")
    await stand.start("serve")
    seconds = bench.size(15.0, 4.0)
    warm, count = int(_RATE * 4), int(_RATE * seconds)
    await bench.play(_plan(stand, warm))
    await stand.settled(60)
    before, deliveries = await stand.cpu(), await _delivered(stand)
    played = await bench.play(_plan(stand, count))
    await stand.settled(60)
    after = await stand.cpu()
    if (added := await _delivered(stand) - deliveries) != 2 * count:
        raise Incorrect(f"{count} events to two connectors each were delivered {added} times")
    await stand.stop("worker")
    return played.elapsed_s, {role: after[role] - before[role] for role in after}, deliveries


async def _delivered(stand: Stand) -> int:
    return sum(book.delivered for book in await stand.log().books())


def _plan(stand: Stand, count: int) -> Plan:
    return Plan(target=stand.target, first=stand.numbers(count), count=count, rate_per_s=_RATE)


def _results(found, elapsed, cpu, warm):
    lags, passed = [], 0
    for lag_ms, events in found["lags_ms"]:
        passed += events
        if passed > warm:
            lags += [lag_ms] * events
    name = f"{_CONNECTORS:,} connectors, {_RATE}/s"
    note = f"p50 {quantile(lags, 0.5):.0f}, max {max(lags)}; {len(lags):,} deliveries"
    yield Result(
        name=f"{name}, record to settle p99",
        value=quantile(lags, 0.99),
        unit="ms",
        budget=at_most(50),
        note=note,
    )
    total = elapsed + warm / 2 / _RATE
    shares = {stage: seconds / total * 100 for stage, seconds in found["cpu_s"].items()}
    yield Result(
        name=f"{name}, router's share of a core",
        value=shares["router"],
        unit="%",
        budget=at_most(25),
        note=", ".join(f"{stage} {share:.0f} %" for stage, share in shares.items() if stage != "router"),
    )
    yield Result(
        name=f"{name}, worker's share of a core",
        value=cpu["worker"] / elapsed * 100,
        unit="%",
        note=f"server {cpu['server'] / elapsed * 100:.0f} %, serve {cpu['serve'] / elapsed * 100:.0f} %",
    )
