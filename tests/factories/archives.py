"""Small archives for tests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hub.archive.sqlite import SqliteArchive
from hub.model.event import Entry
from tests.factories.events import NOW_MS, make_entry

__all__ = ["MINUTE_MS", "archive_of", "entries", "seqs"]

MINUTE_MS = 60_000


def entries(count: int, *, first: int = 1, **over: Any) -> list[Entry]:
    """Entries one minute apart, the last of a thousand at `NOW_MS`."""
    times = {seq: NOW_MS - (1000 - seq) * MINUTE_MS for seq in range(first, first + count)}
    return [
        make_entry(seq, **({"time_ms": time, "recorded_ms": time + 5} | over)) for seq, time in times.items()
    ]


def archive_of(path: Path, stored: Iterable[Entry], **settings: Any) -> SqliteArchive:
    """An archive in `path` that holds these entries of partition 0."""
    archive = SqliteArchive(path, **settings)
    archive.append(0, list(stored))
    return archive


def seqs(hits: Iterable[Any]) -> list[int]:
    """The seqs of hits or entries."""
    return [hit.seq for hit in hits]
