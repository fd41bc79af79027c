"""Newest-first search: each file yields its matches in time order, a merge takes the newest of all."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import islice

from hub.archive.base import Hit
from hub.archive.query import Query
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.conditions import Conditions, compile_query
from hub.archive.sqlite.cursor import PageCursor
from hub.archive.sqlite.pool import HIT_COLUMNS, Gone, Pool, Session
from hub.archive.sqlite.schema import SEQ_BITS

__all__ = ["Bounds", "key_bounds", "may_match", "newest", "page", "rows_sql"]

_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
Bounds = tuple[int, int]
"""Lowest and highest key, both inclusive."""


def may_match(file: DataFile, query: Query) -> bool:
    """Whether the file's time ranges overlap the query's."""
    if not file.events or file.min_ms is None or file.max_ms is None:
        return False
    low, high = file.min_recorded or 0, file.max_recorded or 0
    return (
        (query.since_ms is None or file.max_ms >= query.since_ms)
        and (query.until_ms is None or file.min_ms < query.until_ms)
        and (query.recorded_since_ms is None or high >= query.recorded_since_ms)
        and (query.recorded_until_ms is None or low < query.recorded_until_ms)
    )


def key_bounds(file: DataFile, since_ms: int | None, until_ms: int | None) -> Bounds:
    """Keys of the times `since` (inclusive) to `until` (exclusive)."""
    low = _LOWEST if since_ms is None else _shift(since_ms - file.base_ms)
    high = _HIGHEST if until_ms is None else _shift(until_ms - file.base_ms) - 1
    return low, max(_LOWEST, high)


def _shift(ms: int) -> int:
    return max(_LOWEST, min(_HIGHEST, ms << SEQ_BITS))


def _before(file: DataFile, after: PageCursor, high: int) -> int:
    """The highest key that comes after the cursor's hit in the order (time, partition, seq) descending."""
    if (file.partition, file.first_seq) > (after.partition, after.seq):
        limit = file.key(after.time_ms, file.first_seq) - 1
    elif file.partition < after.partition or (file.last_seq or 0) < after.seq:
        limit = file.key(after.time_ms + 1, file.first_seq) - 1
    else:
        limit = file.key(after.time_ms, after.seq) - 1
    return min(high, limit)


def newest(
    pool: Pool, files: Iterable[DataFile], query: Query, after: PageCursor | None
) -> Generator[Hit, None, None]:
    """Matches newest first. Opens a file only when the merge has come down to its newest event."""
    waiting = [file for file in pool.current(files) if _wanted(file, query, after)]
    waiting.sort(key=lambda file: file.max_ms or 0)
    heads: list[_Head] = []
    try:
        while waiting or heads:
            while waiting and (not heads or (waiting[-1].max_ms or 0) >= heads[0].hit.time_ms):
                _push(heads, _matches(pool, waiting.pop(), query, after))
            if heads:
                head = heappop(heads)
                yield head.hit
                _push(heads, head.rest)
    finally:
        for head in heads:
            head.rest.close()


def _wanted(file: DataFile, query: Query, after: PageCursor | None) -> bool:
    return may_match(file, query) and (after is None or (file.min_ms or 0) <= after.time_ms)


@dataclass(slots=True)
class _Head:
    """A file's newest hit that is not out yet."""

    hit: Hit
    rest: Generator[Hit, None, None]

    def __lt__(self, other: "_Head") -> bool:
        mine, others = self.hit, other.hit
        return (mine.time_ms, mine.partition, mine.seq) > (others.time_ms, others.partition, others.seq)


def _push(heads: list[_Head], hits: Generator[Hit, None, None]) -> None:
    hit = next(hits, None)
    if hit is not None:
        heappush(heads, _Head(hit, hits))


def _matches(
    pool: Pool, file: DataFile, query: Query, after: PageCursor | None
) -> Generator[Hit, None, None]:
    try:
        with pool.session(file) as session:
            yield from _rows(session, query, after)
    except Gone:
        return


def _rows(session: Session, query: Query, after: PageCursor | None) -> Iterator[Hit]:
    conditions = compile_query(session, query)
    if conditions is None:
        return
    low, high = key_bounds(session.file, query.since_ms, query.until_ms)
    if after is not None:
        high = _before(session.file, after, high)
    sql, args = rows_sql(session, conditions, HIT_COLUMNS, (low, high))
    order = "terms.rowid" if conditions.match else "e.key"
    with closing(session.connection.execute(f"{sql} ORDER BY {order} DESC", args)) as rows:
        for row in rows:
            yield session.hit(row)


def rows_sql(
    session: Session, conditions: Conditions, columns: str, bounds: Bounds, *, body: bool = True
) -> tuple[str, list[object]]:
    """SELECT of `columns` over matching rows within `bounds`, without an order."""
    where, args = conditions.rows()
    with_body = body or conditions.needs_body
    bodies = f" CROSS JOIN bodies b ON b.seq = {session.file.seq_sql}" if with_body else ""
    if not conditions.match:
        return f"SELECT {columns} FROM events e{bodies} WHERE e.key BETWEEN ? AND ?{where}", [*bounds, *args]
    sql = (
        f"SELECT {columns} FROM terms CROSS JOIN events e ON e.key = terms.rowid{bodies} "
        f"WHERE terms MATCH ? AND terms.rowid BETWEEN ? AND ?{where}"
    )
    return sql, [conditions.match, *bounds, *args]


def page(pool: Pool, files: Iterable[DataFile], query: Query, after: PageCursor | None) -> list[Hit]:
    """One hit more than the limit, when there is one."""
    with closing(newest(pool, files, query, after)) as hits:
        return list(islice(hits, query.limit + 1))
