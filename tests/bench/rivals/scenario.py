"""The same few minutes for every product."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import monotonic

from tests.bench import proc
from tests.bench.load import Load
from tests.bench.player import Plan, Played
from tests.bench.result import Result
from tests.bench.rivals.product import Product
from tests.bench.sink import Sink
from tests.bench.stats import median, quantile, spread

__all__ = ["Trial"]

_DRAIN_S = 60.0
_SILENT_S = 5.0
_CONNECTIONS = 64
_ACKS = 300


@dataclass(frozen=True, slots=True)
class Flow:
    """One closed-loop run."""

    accepted_per_s: float
    delivered_per_s: float
    to_sink_ms: list[float]
    cpu_us: float
    missing: int
    """Acknowledged, and not in the sink when nothing came any more."""


async def _arrived(sink: Sink, wanted: int) -> None:
    """Until the sink has as many documents, or gets nothing for a while."""
    copies, since, ends = sink.copies(), monotonic(), monotonic() + _DRAIN_S
    while copies < wanted and monotonic() - since < _SILENT_S and monotonic() < ends:
        await asyncio.sleep(0.05)
        now = sink.copies()
        if now != copies:
            copies, since = now, monotonic()


async def _flow(product: Product, load: Load, sink: Sink, first: int, seconds: float) -> Flow:
    count = int(8000 * seconds)
    sink.expect(first, count)
    cpu = product.cpu_s()
    plan = Plan(target=product.target, first=first, count=count, seconds=seconds, connections=_CONNECTIONS)
    played = await load.play(plan)
    await _arrived(sink, played.ok)
    taken = sink.taken()
    spent = product.cpu_s() - cpu
    both = sorted(played.numbers() & taken.numbers())
    times = [taken.times[n - first] for n in both]
    took = max(times, default=0.0) - min(played.due[n - first] for n in both) if both else 0.0
    return Flow(
        accepted_per_s=played.rate,
        delivered_per_s=len(both) / took if took else 0.0,
        to_sink_ms=[(taken.times[n - first] - played.due[n - first]) * 1e3 for n in both],
        cpu_us=spent / max(played.ok, 1) * 1e6,
        missing=played.ok - len(both),
    )


async def _killed(product: Product, load: Load, sink: Sink, first: int) -> tuple[int, Played]:
    """SIGKILL of all its processes the moment the last of 300 acknowledgements is in; start again on the same
    folder; how many of those acknowledged never arrive.
    """
    sink.expect(first, 4 * _ACKS)
    plan = Plan(
        target=product.target,
        first=first,
        count=4 * _ACKS,
        connections=_CONNECTIONS,
        seconds=30,
        acks=_ACKS,
        kill=tuple(product.pids()),
    )
    played = await load.play(plan)
    await product.restart()
    await _arrived(sink, played.ok)
    return len(played.numbers() - sink.taken().numbers()), played


class Trial:
    """One product under test: `open`, some `flow`s, `end`. Raises `Uninstallable`, or `RuntimeError` when the
    product does not come up.
    """

    def __init__(self, kind: type[Product], load: Load) -> None:
        self.name = kind.name
        self._kind = kind
        self._load = load
        self._stack = AsyncExitStack()
        self._sink: Sink
        self._product: Product
        self._flows: list[Flow] = []
        self._idle_mb = 0.0
        self._next = 0

    async def open(self) -> None:
        """Start it, and send the first webhooks, so that what is opened lazily is open."""
        self._sink = await self._stack.enter_async_context(Sink())
        self._product = await self._stack.enter_async_context(self._kind(self._sink.url))
        self._idle_mb = proc.rss_mb(self._product.own_pids())
        await self._flow(0.1)

    async def flow(self, seconds: float) -> None:
        """One run at full load."""
        self._flows.append(await self._flow(seconds))

    async def _flow(self, seconds: float) -> Flow:
        first, self._next = self._next, self._next + int(8000 * seconds)
        return await _flow(self._product, self._load, self._sink, first, seconds)

    async def end(self) -> list[Result]:
        """Kill it, see what is lost; all its rows."""
        busy_mb = proc.rss_mb(self._product.own_pids())
        lost, played = await _killed(self._product, self._load, self._sink, self._next)
        missing = sum(flow.missing for flow in self._flows)
        note = f"of {played.ok} acknowledged; in normal running {missing} never arrived"
        return [
            *_rows(self._product, self._flows),
            Result(
                name=f"{self.name}, memory after load",
                value=busy_mb,
                unit="MB RSS",
                note=f"idle {self._idle_mb:.0f}",
            ),
            Result(name=f"{self.name}, acknowledged and lost by SIGKILL", value=lost, unit="", note=note),
        ]

    async def close(self) -> None:
        """End its processes."""
        await self._stack.aclose()


def _rows(product: Product, flows: list[Flow]) -> list[Result]:
    accepted = [flow.accepted_per_s for flow in flows]
    delivered = [flow.delivered_per_s for flow in flows]
    cpu = median(flow.cpu_us for flow in flows)
    rows = [
        Result(
            name=f"{product.name}, accepted",
            value=median(accepted),
            unit="/s",
            note=f"{product.does}; {spread(accepted)}; CPU {cpu:,.0f} us/event",
        ),
        Result(name=f"{product.name}, delivered", value=median(delivered), unit="/s", note=spread(delivered)),
    ]
    if not all(flow.to_sink_ms for flow in flows):
        return [
            *rows,
            Result(name=f"{product.name}, to the sink p99", value=None, unit="ms", note="nothing arrived"),
        ]
    p50, p99 = (median(quantile(flow.to_sink_ms, share) for flow in flows) for share in (0.5, 0.99))
    return [
        *rows,
        Result(
            name=f"{product.name}, to the sink p99", value=p99, unit="ms", note=f"p50 {p50:,.0f}; full load"
        ),
    ]
