"""Events per day, counted while they are stored: what a dashboard asks for costs no scan."""

import sqlite3
from collections import Counter
from collections.abc import Mapping

__all__ = ["add_up"]

_DAILY = """INSERT INTO daily VALUES(?, ?, ?, ?)
  ON CONFLICT(origin, day, kind) DO UPDATE SET events = events + excluded.events"""
_ORIGINS = """INSERT INTO daily_origins VALUES(?, ?, ?)
  ON CONFLICT(origin, day) DO UPDATE SET events = events + excluded.events"""
_KINDS = """INSERT INTO daily_kinds VALUES(?, ?, ?)
  ON CONFLICT(kind, day) DO UPDATE SET events = events + excluded.events"""
_TOTALS = """INSERT INTO totals VALUES(?, ?, ?)
  ON CONFLICT(origin, kind) DO UPDATE SET events = events + excluded.events"""


def add_up(connection: sqlite3.Connection, batch: Mapping[tuple[int, int, int], int]) -> None:
    """Add a batch's (origin, day, kind) counts to the four roll-ups, inside the caller's transaction."""
    origins: Counter[tuple[int, int]] = Counter()
    kinds: Counter[tuple[int, int]] = Counter()
    totals: Counter[tuple[int, int]] = Counter()
    for (origin, day, kind), events in batch.items():
        origins[origin, day] += events
        kinds[kind, day] += events
        totals[origin, kind] += events
    connection.executemany(_DAILY, ((*group, events) for group, events in sorted(batch.items())))
    connection.executemany(_ORIGINS, ((*group, events) for group, events in sorted(origins.items())))
    connection.executemany(_KINDS, ((*group, events) for group, events in sorted(kinds.items())))
    connection.executemany(_TOTALS, ((*group, events) for group, events in sorted(totals.items())))
