"""The archive alone: ingest in batches, search, deep pages, facets, bytes an event
(`tests.bench.archive`).
"""

import asyncio
from collections.abc import AsyncIterator

from tests.bench import archive
from tests.bench.bench import Bench, Incorrect
from tests.bench.result import Result, at_least, at_most

ORDER = 9
_BUDGETS = {
    "ingest": at_least(12_000),
    "disk": at_most(700),
    "common word, 7 d, verdict p95": at_most(15),
    "two common words, verdict p95": at_most(15),
    "rare word p95": at_most(15),
    "sender p95": at_most(15),
    "deep page, all p95": at_most(5),
    "deep page, tenant p95": at_most(5),
    "deep page, verdict p95": at_most(5),
    "day facets verdict, 30 d p95": at_most(5),
    "day facets verdict, tenant p95": at_most(5),
    "day facets tenant, verdict p95": at_most(5),
}


async def measure(bench: Bench) -> AsyncIterator[Result]:
    bench.say(f"archive of {bench.archive_events:,} events")
    rows = await asyncio.to_thread(archive.run, bench.archive_events)
    if gone := _BUDGETS.keys() - {row["name"].removeprefix("archive ") for row in rows}:
        raise Incorrect(f"a budget for rows that are no more: {', '.join(sorted(gone))}")
    for row in rows:
        name = row["name"].removeprefix("archive ")
        yield Result(name=f"archive, {name}", value=row["value"], unit=row["unit"], budget=_BUDGETS.get(name))
