"""Archive bench: ingest, size and search of `n` made events in 30 days, 200 tenants. `python -m
tests.bench.archive 1000000`.
"""

import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Any

import msgspec

from hub.archive.query import Query
from hub.archive.sqlite import SqliteArchive
from hub.model.event import Entry
from tests.factories.events import NOW_MS, SPAN_MS, make_entry

__all__ = ["run"]

BATCH = 5_000
QUESTIONS = 60
DAY_MS = 86_400_000
_START = NOW_MS - SPAN_MS
_COMMON = ("invoice", "payment", "account", "meeting", "report", "order")
_Question = Callable[[Random], object]


def _batches(n: int, *, raw_data: bool) -> Iterator[list[Entry]]:
    """In record order over the 30 days; event times up to ten minutes before, one in a hundred up to two days
    late.
    """
    random = Random(7)
    for first in range(1, n + 1, BATCH):
        batch = []
        for seq in range(first, min(first + BATCH, n + 1)):
            recorded = _START + seq * SPAN_MS // n
            late = random.randrange(2 * DAY_MS) if random.random() < 0.01 else random.randrange(600_000)
            batch.append(make_entry(seq, time_ms=recorded - late, recorded_ms=recorded, raw_data=raw_data))
        yield batch


def _row(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": f"archive {name}", "value": round(value, 3), "unit": unit}


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


def _ingest(path: Path, n: int, *, raw_data: bool, label: str) -> list[dict[str, Any]]:
    spent = cpu = 0.0
    pauses = []
    archive = SqliteArchive(path)
    body_bytes = 0
    for batch in _batches(n, raw_data=raw_data):
        body_bytes += sum(len(entry.body) for entry in batch)
        wall, busy = perf_counter(), process_time()
        archive.append(0, batch)
        pauses.append(perf_counter() - wall)
        spent += pauses[-1]
        cpu += process_time() - busy
    archive.close()
    pauses.sort()
    return [
        _row(f"ingest{label}", n / spent, "events/s"),
        _row(f"ingest CPU{label}", cpu / n * 1e6, "us/event"),
        _row(f"append of {BATCH} p50{label}", pauses[len(pauses) // 2] * 1e3, "ms"),
        _row(f"append of {BATCH} max{label}", pauses[-1] * 1e3, "ms"),
        _row(f"body size{label}", body_bytes / n, "B/event"),
        _row(f"disk{label}", _size(path) / n, "B/event"),
    ]


class _Questions:
    """What users ask, with random parameters."""

    def __init__(self, archive: SqliteArchive) -> None:
        self._archive = archive
        self._sample = archive.search(Query(limit=1000, until_ms=NOW_MS - 10 * DAY_MS)).hits

    def _ask(self, **conditions: Any) -> None:
        self._archive.search(Query(limit=50, **conditions))

    def _deep(self, random: Random, **conditions: Any) -> float:
        """Seconds of the page after one that ends at a random depth."""
        until = _START + random.randrange(DAY_MS, SPAN_MS)
        first = self._archive.search(Query(limit=50, until_ms=until, **conditions))
        began = perf_counter()
        self._ask(cursor=first.cursor, **conditions)
        return perf_counter() - began

    def _sender(self, random: Random) -> str:
        return str(msgspec.json.decode(random.choice(self._sample).body)["from"])

    def searches(self) -> dict[str, _Question]:
        ask, week = self._ask, NOW_MS - 7 * DAY_MS
        return {
            "common word, 7 d, verdict": lambda r: ask(q=_word(r), since_ms=week, disposition=_verdict(r)),
            "rare word": lambda r: ask(q=f"invoice{r.randrange(60)}"),
            "two common words, verdict": lambda r: ask(q=_two_words(r), disposition=_verdict(r)),
            "common word, rare tenant": lambda r: ask(q=_word(r), tenant=_tenant(r, 100)),
            "subject phrase": lambda r: ask(subject=f'"{_two_words(r)}"'),
            "sender": lambda r: ask(sender=self._sender(r)),
            "sender as text": lambda r: ask(q=self._sender(r)),
            "domain": lambda r: ask(domain=(f"customer{r.randrange(200)}.example",)),
            "tenant": lambda r: ask(tenant=_tenant(r)),
            "rare tenant, rare verdict": lambda r: ask(tenant=_tenant(r, 150), disposition=("Deleted",)),
            "no condition": lambda _: ask(),
        }

    def pages(self) -> dict[str, _Question]:
        deep = self._deep
        return {
            "deep page, all": deep,
            "deep page, tenant": lambda r: deep(r, tenant=_tenant(r)),
            "deep page, verdict": lambda r: deep(r, disposition=_verdict(r)),
            "deep page, word": lambda r: deep(r, q=_word(r)),
            "by id": lambda r: self._archive.get(r.choice(self._sample).uid),
            "payloads of 500 seqs": lambda r: self._archive.entries(
                0, range(f := r.randrange(1, 90_000), f + 500)
            ),
        }

    def counts(self) -> dict[str, _Question]:
        facets, histogram = self._archive.facets, self._archive.histogram
        week = Query(since_ms=NOW_MS - 7 * DAY_MS, until_ms=NOW_MS)
        aligned = NOW_MS // DAY_MS * DAY_MS
        days = Query(since_ms=aligned - 10 * DAY_MS, until_ms=aligned)
        return {
            "day facets verdict, 30 d": lambda _: facets(Query(), "disposition"),
            "day facets verdict, tenant": lambda r: facets(Query(tenant=_tenant(r)), "disposition"),
            "day facets tenant, verdict": lambda r: facets(Query(disposition=_verdict(r)), "tenant"),
            "day facets tenant, 10 d, verdict": lambda r: facets(
                replace(days, disposition=_verdict(r)), "tenant"
            ),
            "day histogram, tenant": lambda r: histogram(Query(tenant=_tenant(r)), DAY_MS),
            "rows: facets sender, tenant": lambda r: facets(Query(tenant=_tenant(r)), "sender"),
            "rows: facets sender": lambda _: facets(Query(), "sender"),
            "rows: count of a common word": lambda r: self._archive.count(Query(q=_word(r))),
            "rows: histogram by hour, 7 d": lambda _: histogram(week, 3_600_000),
        }


def _word(random: Random) -> str:
    return random.choice(_COMMON)


def _two_words(random: Random) -> str:
    return " ".join(random.sample(_COMMON, 2))


def _verdict(random: Random) -> tuple[str]:
    return (random.choice(("Allowed", "Tagged", "Rejected", "Quarantined")),)


def _tenant(random: Random, lowest: int = 0) -> tuple[str]:
    return (f"tenant-{random.randrange(lowest, 200)}",)


def _timed(question: _Question, times: int) -> list[float]:
    random = Random(11)
    spent = []
    for _ in range(times):
        began = perf_counter()
        own = question(random)
        spent.append(own if isinstance(own, float) else perf_counter() - began)
    return sorted(spent)


def _search(path: Path) -> list[dict[str, Any]]:
    archive = SqliteArchive(path, read_only=True)
    asked = _Questions(archive)
    rows = []
    for name, question in (asked.searches() | asked.pages() | asked.counts()).items():
        _timed(question, 5)
        spent = _timed(question, 10 if name.startswith("rows") else QUESTIONS)
        rows.append(_row(f"{name} p50", spent[len(spent) // 2] * 1e3, "ms"))
        rows.append(_row(f"{name} p95", spent[int(len(spent) * 0.95)] * 1e3, "ms"))
    archive.close()
    return rows


def run(n: int) -> list[dict[str, Any]]:
    """Rows `{"name", "value", "unit"}` for at least 100,000 events; takes some 100 us an event."""
    n = max(n, 100_000)
    with tempfile.TemporaryDirectory(prefix="mxhub-bench-") as folder:
        path, raw = Path(folder) / "archive", Path(folder) / "raw"
        rows = _ingest(path, n, raw_data=False, label="")
        rows.append(_row("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB"))
        rows += _search(path)
        return rows + _ingest(raw, min(n, 260_000), raw_data=True, label=" with raw_data")


if __name__ == "__main__":
    for row in run(int(sys.argv[1])):
        print(f"{row['name']:50} {row['value']:>12,.2f} {row['unit']}", flush=True)
