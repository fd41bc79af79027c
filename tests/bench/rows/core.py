"""The core's service on SQLite and on PostgreSQL with a million verdicts and a million audit entries: pages
of lists at every depth and with every filter, export, a thousand domains at once, messages judged.

Every request is authenticated by a key and counted by the limiter, over HTTP on loopback.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
import orjson
from aiohttp import ClientSession

from tests.bench.bench import Bench, Incorrect, cpu_note
from tests.bench.core_asks import AUDIT, DAY, VERDICTS, Ask, get, lists, messages, more, query_of
from tests.bench.core_seed import seeded
from tests.bench.core_stand import CoreStand, Store
from tests.bench.player import Plan
from tests.bench.result import Result, at_most
from tests.bench.stats import median, quantile
from tests.servers.postgresql import postgresql_home

ORDER = 10
_CONNECTIONS = 8
_RATE_PER_S = 30
_FLAT = 1.3
_UNDISTURBED = 0.1
"""Of the answers: those that waited for no other work on the machine."""
_PAGE = 1000
_DEPTHS = (10_000, 100_000, 1_000_000)
_DOMAINS = 1000
_GROWTH_MB = 20.0


async def measure(bench: Bench) -> AsyncIterator[Result]:
    began = monotonic()
    seed = await seeded(bench.core_rows)
    bench.say(f"{seed.name}, {seed.stat().st_size / 1e9:.2f} GB, after {monotonic() - began:.0f} s")
    for store in _stores(bench):
        async with CoreStand(store, seed) as stand, _session(stand) as session:
            bench.say(f"{store}: rows copied in {stand.copy_s:.0f} s")
            async for result in _all(bench, stand, session):
                yield result


def _stores(bench: Bench) -> Iterator[Store]:
    yield "sqlite"
    if postgresql_home() is not None:
        yield "postgresql"
    else:
        bench.say("without PostgreSQL: `make servers` brings it")


@asynccontextmanager
async def _session(stand: CoreStand) -> AsyncIterator[ClientSession]:
    headers = {"Authorization": f"Bearer {stand.key}"}
    timeout = aiohttp.ClientTimeout(total=600)
    async with ClientSession(stand.url, headers=headers, timeout=timeout) as session:
        yield session


async def _all(bench: Bench, stand: CoreStand, session: ClientSession) -> AsyncIterator[Result]:
    ids = await _some_ids(session)
    for ask in (*lists(stand), *more(stand, ids)):
        yield await _asked(bench, stand, ask)
    for path, name in ((VERDICTS, "verdicts"), (AUDIT, "audit")):
        async for result in _depths(bench, stand, session, path, name):
            yield result
    async for result in _export(stand, session):
        yield result
    async for result in _batch(bench, stand, session):
        yield result
    yield await _asked(bench, stand, messages(stand))
    yield Result(name=f"core {stand.store}, memory at the end", value=stand.rss_mb(), unit="MB")


async def _some_ids(session: ClientSession) -> list[str]:
    async with session.get(query_of(VERDICTS, {"limit": 200})) as answer:
        return [each["id"] for each in (await answer.json())["data"]]


async def _asked(bench: Bench, stand: CoreStand, ask: Ask) -> Result:
    """As fast as 8 connections ask, then at a steady rate for the latency."""
    seconds = bench.size(1.5, 0.3)
    plan = Plan(
        target=stand.target,
        first=0,
        count=4_000,
        requests=ask.requests,
        connections=_CONNECTIONS,
        seconds=seconds,
    )
    before = stand.cpu()
    played = await bench.play(plan)
    note = cpu_note(before, stand.cpu(), played.ok).replace("event", "request")
    count = round(_RATE_PER_S * bench.size(4.0, 0.5))
    steady = Plan(target=stand.target, first=0, count=count, requests=ask.requests, rate_per_s=_RATE_PER_S)
    spent = (await bench.play(steady)).latencies_ms()
    return Result(
        name=f"core {stand.store}, {ask.name}, p99 at {_RATE_PER_S}/s",
        value=quantile(spent, 0.99),
        unit="ms",
        budget=at_most(ask.at_most_ms) if ask.at_most_ms else None,
        note=f"p50 {quantile(spent, 0.5):.1f}; {played.rate:,.0f}/s with {_CONNECTIONS} connections; {note}",
    )


async def _depths(
    bench: Bench, stand: CoreStand, session: ClientSession, path: str, name: str
) -> AsyncIterator[Result]:
    """Follow the cursor to the end, then ask for pages at some depths and for the first one in turn."""
    began = monotonic()
    cursors = await _walk(session, path, bench.core_rows)
    rate = bench.core_rows / (monotonic() - began)
    yield Result(name=f"core {stand.store}, {name}, walk to the end", value=rate, unit="rows/s")
    pages = {0: get(stand, path), **{depth: get(stand, path, cursor=text) for depth, text in cursors.items()}}
    spent: dict[int, list[float]] = {depth: [] for depth in pages}
    for _ in range(bench.size(12, 2)):
        for depth, request in pages.items():
            plan = Plan(target=stand.target, first=0, count=25, requests=(request,), connections=1)
            spent[depth] += (await bench.play(plan)).latencies_ms()
    first = quantile(spent.pop(0), _UNDISTURBED)
    for depth, each in spent.items():
        value = quantile(each, _UNDISTURBED)
        yield Result(
            name=f"core {stand.store}, {name}, page after {depth:,} rows, p10",
            value=value,
            unit="ms",
            yardstick=first,
            budget=at_most(_FLAT * first),
            note=f"yardstick: the first page, in turn; p50 {median(each):.1f}",
        )


async def _walk(session: ClientSession, path: str, rows: int) -> dict[int, str]:
    """Depth -> the cursor there. Every row comes once, in order: raises `Incorrect` otherwise."""
    cursors: dict[int, str] = {}
    query: dict[str, str | int] = {"limit": _PAGE}
    seen, last = 0, ("~", "~")
    while True:
        async with session.get(query_of(path, query)) as answer:
            body = orjson.loads(await answer.read())
        for row in body["data"]:
            place = (row["timestamp"], row.get("seq", row["id"]))
            if isinstance(place[1], int):
                place = (place[0], f"{place[1]:012}")
            if place >= last:
                raise Incorrect(f"{path}: {place} after {last}")
            last, seen = place, seen + 1
        following = body["meta"]["pagination"]["next_cursor"]
        if following is None:
            break
        query["cursor"] = following
        _keep(cursors, seen, following, rows)
    if not rows <= seen <= rows + 10:  # the key of the bench is an entry, too
        raise Incorrect(f"{path}: {seen} rows of {rows}")
    return cursors


def _keep(cursors: dict[int, str], seen: int, cursor: str, rows: int) -> None:
    """At the depths, the last of them two pages before the end."""
    for depth in _DEPTHS:
        if seen in (depth, rows - 2 * _PAGE):
            cursors[seen] = cursor


async def _export(stand: CoreStand, session: ClientSession) -> AsyncIterator[Result]:
    """A day of the audit log three times, then all of it; the process must not grow with what it sends."""
    for form in ("jsonl", "csv", "jsonl"):
        rate, _ = await _exported(session, {"date": DAY, "format": form})
    yield Result(name=f"core {stand.store}, audit export of a day", value=rate, unit="rows/s", note="NDJSON")
    before = stand.rss_mb()
    async with _watching(stand) as seen:
        rate, rows = await _exported(session, {"format": "jsonl"})
    yield Result(
        name=f"core {stand.store}, memory grown by an export of all",
        value=max(seen) - before,
        unit="MB",
        budget=at_most(_GROWTH_MB),
        note=f"{rows:,} entries, {rate:,.0f} rows/s; RSS {before:.0f} before",
    )


async def _exported(session: ClientSession, query: dict[str, str]) -> tuple[float, int]:
    """Rows a second, and how many there were."""
    began, rows = monotonic(), 0
    async with session.get(query_of(f"{AUDIT}/export", query)) as answer:
        answer.raise_for_status()
        async for chunk in answer.content.iter_any():
            rows += chunk.count(b"\n")
    return rows / (monotonic() - began), rows


@asynccontextmanager
async def _watching(stand: CoreStand) -> AsyncIterator[list[float]]:
    """What the service's memory was meanwhile, in MB."""
    seen = [stand.rss_mb()]

    async def watch() -> None:
        while True:
            await asyncio.sleep(0.1)
            seen.append(stand.rss_mb())

    task = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        task.cancel()


async def _batch(bench: Bench, stand: CoreStand, session: ClientSession) -> AsyncIterator[Result]:
    """A thousand domains come and go, in one request each; every item must have succeeded."""
    spent: dict[str, list[float]] = {"provision": [], "deprovision": []}
    before = stand.cpu()
    for turn in range(bench.size(5, 1)):
        names = [f"new{number}.turn{turn}.example" for number in range(_DOMAINS)]
        new = [{"domain": name, "downstream_addresses": [{"host": "mail.nowhere.invalid"}]} for name in names]
        for what, body in (("provision", {"provision": new}), ("deprovision", {"deprovision": names})):
            began = monotonic()
            async with session.post("/api/v1/domains:batch", json=body) as answer:
                said = await answer.json()
            spent[what].append(monotonic() - began)
            if len((said["data"] or {}).get("successes", ())) != _DOMAINS:
                raise Incorrect(f"domains:batch: {str(said)[:300]}")
    note = cpu_note(before, stand.cpu(), sum(map(len, spent.values()))).replace("event", "request")
    for what, each in spent.items():
        name = f"core {stand.store}, domains:batch, {what} {_DOMAINS:,}"
        yield Result(name=name, value=median(each), unit="s", budget=at_most(2), note=note)
