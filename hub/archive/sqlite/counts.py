"""Counting: whole days from the roll-ups where they can answer, rows otherwise."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Any

from hub.archive.query import Query
from hub.archive.sqlite.batch import DAY_MS
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.conditions import Conditions, compile_query
from hub.archive.sqlite.names import KIND_FIELDS, ORIGIN_FIELDS
from hub.archive.sqlite.pool import Gone, Pool, Session
from hub.archive.sqlite.schema import SEQ_BITS
from hub.archive.sqlite.search import Bounds, key_bounds, may_match, rows_sql

__all__ = ["FACETS", "count", "facets", "histogram"]

_CHUNK = 5_000
MAX_VALUES = 200_000
"""Different values that a facet counts at once; where there are more, counts of the rarest are too low."""
FACETS = (*ORIGIN_FIELDS, *KIND_FIELDS, "domain", "sender", "recipient")


@dataclass(frozen=True, slots=True)
class _Grouping:
    """What to group by: an expression over rows, and one over a roll-up (empty when no roll-up has it)."""

    row: str
    rollup: str = ""
    daily: bool = False
    many: bool = False
    """A value may be another in every row."""


_TOTAL = _Grouping("0", "0")
_ORIGIN = _Grouping("e.origin", "origin")
_KIND = _Grouping("e.kind", "kind")
_COLUMNS = {
    "domain": _Grouping("e.domain"),
    "sender": _Grouping("e.sender", many=True),
    "recipient": _Grouping("e.recipients", many=True),
}


def count(pool: Pool, files: Iterable[DataFile], query: Query) -> int:
    """Number of matches."""
    return sum(events for _, _, events in _counted(pool, files, query, lambda _: _TOTAL))


def facets(
    pool: Pool, files: Iterable[DataFile], query: Query, field: str, limit: int
) -> list[tuple[str, int]]:
    """The most frequent values of `field`, the more frequent first, then by name; empty values are left out.

    Raises `ValueError` for a field that is none of `FACETS`.
    """
    if field not in FACETS:
        raise ValueError(f"no facet {field!r}: choose one of {', '.join(FACETS)}")
    grouping = _ORIGIN if field in ORIGIN_FIELDS else _KIND if field in KIND_FIELDS else _COLUMNS[field]
    totals: Counter[str] = Counter()
    for session, group, events in _counted(pool, files, query, lambda _: grouping):
        for value in _values(session, field, group):
            totals[value] += events
        _prune(totals)
    del totals[""]
    return nsmallest(limit, totals.items(), key=lambda pair: (-pair[1], pair[0]))


def _values(session: Session, field: str, group: object) -> Iterable[str]:
    if field in ORIGIN_FIELDS:
        return (str(session.name("origins", int(str(group)))[ORIGIN_FIELDS.index(field)]),)
    if field in KIND_FIELDS:
        return (str(session.name("kinds", int(str(group)))[KIND_FIELDS.index(field)]),)
    if field == "domain":
        return (str(session.name("domains", int(str(group)))[0]),)
    return str(group).split("\n")


def histogram(pool: Pool, files: Iterable[DataFile], query: Query, interval_ms: int) -> list[tuple[int, int]]:
    """`(bucket start ms, events)`, ascending; buckets begin at multiples of the interval since 1970.

    Raises `ValueError` unless the interval is positive.
    """
    if interval_ms <= 0:
        raise ValueError(f"the interval is {interval_ms} ms: it must be at least 1")

    def grouping(file: DataFile) -> _Grouping:
        days = f"(day / {interval_ms // DAY_MS})" if interval_ms % DAY_MS == 0 else ""
        return _Grouping(f"((e.key >> {SEQ_BITS}) + {file.base_ms}) / {interval_ms}", days, daily=True)

    totals: Counter[int] = Counter()
    for _, group, events in _counted(pool, files, query, grouping):
        totals[int(str(group)) * interval_ms] += events
    return sorted(totals.items())


def _counted(
    pool: Pool, files: Iterable[DataFile], query: Query, grouping: Callable[[DataFile], _Grouping]
) -> Iterator[tuple[Session, object, int]]:
    """Groups of every file with their counts; a group may come more than once."""
    for file in pool.current(files):
        if not may_match(file, query):
            continue
        try:
            with pool.session(file) as session:
                by = grouping(session.file)
                conditions = compile_query(session, query, by_columns=bool(by.rollup))
                if conditions is not None:
                    yield from _of_file(session, conditions, query, by)
        except Gone:
            continue


def _of_file(
    session: Session, conditions: Conditions, query: Query, by: _Grouping
) -> Iterator[tuple[Session, object, int]]:
    file = session.file
    whole = _whole_days(file, query) if by.rollup and conditions.only_groups else None
    spans = [(query.since_ms, query.until_ms)]
    if whole is not None:
        since, until = whole[0] * DAY_MS, whole[1] * DAY_MS
        spans = [(query.since_ms, since)] if query.since_ms is not None and query.since_ms < since else []
        spans += [(until, query.until_ms)] if query.until_ms is not None and query.until_ms > until else []
        yield from _of_rollup(session, conditions, by, whole)
    for start, end in spans:
        if may_match(file, replace(query, since_ms=start, until_ms=end)):
            yield from _of_rows(session, conditions, by, key_bounds(file, start, end))


def _of_rows(
    session: Session, conditions: Conditions, by: _Grouping, bounds: Bounds
) -> Iterator[tuple[Session, object, int]]:
    if by.many:
        yield from _of_many(session, conditions, by, bounds)
        return
    sql, args = rows_sql(session, conditions, f"{by.row}, count(*)", bounds, body=False)
    for group, events in session.connection.execute(f"{sql} GROUP BY 1", args):
        yield session, group, events


def _of_many(
    session: Session, conditions: Conditions, by: _Grouping, bounds: Bounds
) -> Iterator[tuple[Session, object, int]]:
    """Counted here: GROUP BY would sort a text for every row, on disk."""
    sql, args = rows_sql(session, conditions, by.row, bounds, body=False)
    rows = session.connection.execute(sql, args)
    groups: Counter[object] = Counter()
    while chunk := rows.fetchmany(_CHUNK):
        groups.update(row[0] for row in chunk)
        _prune(groups)
    for group, events in groups.items():
        yield session, group, events


def _prune(groups: Counter[Any]) -> None:
    """Bounded memory: beyond `MAX_VALUES` different values the rarest so far are forgotten."""
    rarest = 1
    while len(groups) > MAX_VALUES:
        kept = {value: events for value, events in groups.items() if events > rarest}
        groups.clear()
        groups.update(kept)
        rarest *= 2


def _whole_days(file: DataFile, query: Query) -> tuple[int, int] | None:
    """First day and the one after the last that lie wholly within the query's times, clipped to the file;
    `None` = none.
    """
    since = (file.min_ms or 0) if query.since_ms is None else query.since_ms
    until = (file.max_ms or 0) + DAY_MS if query.until_ms is None else query.until_ms
    first, end = -(-since // DAY_MS), until // DAY_MS
    if query.since_ms is None or since <= (file.min_ms or 0):
        first = (file.min_ms or 0) // DAY_MS
    if query.until_ms is None or until > (file.max_ms or 0):
        end = (file.max_ms or 0) // DAY_MS + 1
    return (first, end) if first < end else None


def _of_rollup(
    session: Session, conditions: Conditions, by: _Grouping, days: tuple[int, int]
) -> Iterator[tuple[Session, object, int]]:
    where, args = conditions.rows()
    table = _table(session.file, conditions, by, days)
    sql = f"SELECT {by.rollup}, sum(events) FROM {table} e WHERE true{where}"
    if by.daily or not _covers(session.file, days):
        sql, args = f"{sql} AND day >= ? AND day < ?", [*args, *days]
    for group, events in session.connection.execute(f"{sql} GROUP BY 1", args):
        yield session, group, events


def _covers(file: DataFile, days: tuple[int, int]) -> bool:
    return days[0] * DAY_MS <= (file.min_ms or 0) and (file.max_ms or 0) < days[1] * DAY_MS


def _table(file: DataFile, conditions: Conditions, by: _Grouping, days: tuple[int, int]) -> str:
    """The smallest roll-up that knows what is asked."""
    origin = conditions.origins is not None or by is _ORIGIN
    if origin and not by.daily and _covers(file, days):
        return "totals"
    kind = conditions.kinds is not None or by is _KIND
    return "daily" if origin and kind else "daily_origins" if origin else "daily_kinds"
