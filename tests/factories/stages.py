"""Small parts for tests of single stages over a real log."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from hub.archive.base import Archive
from hub.model.event import Entry, Event, Header
from hub.store.base import Log

__all__ = ["NOW_MS", "come_true", "entry", "event", "record", "seqs"]

NOW_MS = 1_777_620_133_000


def event(n: int, code: str = "quarantine.added", *, recorded_ms: int = NOW_MS, body: bytes = b"") -> Event:
    """Event number `n`: its uid and its time say so."""
    header = Header("acme", "mg", 4009, code, 3, "acme.example", NOW_MS + n, recorded_ms)
    whole = body or b'{"class_uid":4009,"metadata":{"uid":"%032x"},"time":%d}' % (n, NOW_MS + n)
    return Event(n.to_bytes(16, "big"), header, whole)


def entry(n: int, code: str = "quarantine.added", *, body: bytes = b"") -> Entry:
    """The same, recorded as number `n`."""
    made = event(n, code, body=body)
    return Entry(n, made.uid, made.header, made.body)


async def record(log: Log, *events: Event) -> None:
    """Record in pieces that one step takes."""
    for at in range(0, len(events), 200):
        await log.record(events[at : at + 200], now_ms=NOW_MS)


def seqs(entries: Sequence[Entry]) -> list[int]:
    return [one.seq for one in entries]


def archived(archive: Archive, *entries: Entry) -> None:
    """Put entries into an archive as its writer would."""
    archive.append(0, list(entries))


async def come_true(condition: Callable[[], Awaitable[bool]], within_s: float = 45.0) -> None:
    """Wait until it holds; fails when it does not."""
    ends = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < ends, f"it did not come true within {within_s:g} s"
        await asyncio.sleep(0.01)
