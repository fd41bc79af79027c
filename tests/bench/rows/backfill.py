"""A poll's backfill into the log: an audit log walked page by page over HTTP, normalised, deduplicated and
recorded with its cursor, one fsync a step. One walker process; the vendor's API plays in another.
"""

import asyncio
from collections.abc import AsyncIterator

from tests.bench.audit_api import AuditApi
from tests.bench.bench import Bench, Incorrect
from tests.bench.result import Result, at_least, at_most
from tests.bench.stand import Stand
from tests.bench.stats import median, spread
from tests.bench.walker import Walk, Walker

ORDER = 4
_RUNS = 3


async def measure(bench: Bench) -> AsyncIterator[Result]:
    count = bench.size(200_000, 10_000)
    async with AuditApi(count) as api:
        runs = [await _run(api, count) for _ in range(bench.size(_RUNS, 1))]
    rates = [run.events / run.elapsed_s for run in runs]
    cpu = f"CPU us/event: walker {median(run.cpu_s / run.events * 1e6 for run in runs):,.0f}"
    yield Result(
        name="backfill by poll into the log",
        value=median(rates),
        unit="/s",
        budget=at_least(20_000),
        note=f"{spread(rates)}; {cpu}; {runs[-1].pages} pages",
    )
    yield Result(
        name="backfill by poll, events a CPU second",
        value=median(run.events / run.cpu_s for run in runs),
        unit="/s",
        note="of the walking process",
    )
    growth = max(run.rss_after_mb - run.rss_before_mb for run in runs)
    note = f"first tenth to end; ends at {runs[-1].rss_after_mb:.0f} MB"
    yield Result(
        name="backfill by poll, growth of memory", value=growth, unit="MB", budget=at_most(8), note=note
    )


async def _run(api: AuditApi, count: int) -> Walk:
    async with Stand() as stand:
        url = f"unix://{stand.server_socket}"
        walk = await asyncio.to_thread(Walker(url, api.url, count).run)
        head = await stand.log().head()
    if (walk.events, walk.fresh, head.seq) != (count, count, count):
        raise Incorrect(f"{count} entries, {walk}, {head.seq} in the log")
    return walk
