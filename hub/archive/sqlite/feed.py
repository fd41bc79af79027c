"""Record order: the feed behind `--follow`, and every hit of a query for export and replay.

No connection is held and no transaction open while the caller works on what it got.
"""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from array import array
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby, islice

from hub.archive.base import Hit
from hub.archive.query import Query
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.conditions import Conditions, compile_query
from hub.archive.sqlite.lookup import hits_of
from hub.archive.sqlite.pool import HIT_COLUMNS, Gone, Pool, Session
from hub.archive.sqlite.search import Bounds, key_bounds, may_match, rows_sql

__all__ = ["feed", "iterate"]

_CHUNK = 500


def iterate(pool: Pool, files: Sequence[DataFile], query: Query) -> Iterator[Hit]:
    """Every hit after `query.after_seq`, partition by partition, by seq."""
    for _, group in groupby(pool.current(files), key=lambda file: file.partition):
        yield from _ordered(pool, group, query, query.after_seq or 0, _CHUNK)


def feed(
    pool: Pool, files: Sequence[DataFile], query: Query, positions: dict[int, int]
) -> tuple[list[Hit], dict[int, int]]:
    """At most `query.limit` hits after `positions` (partition -> seq), by seq and partition; and the next
    positions.

    When there are no more, the next positions are the ends of what was looked at, so that nobody looks there
    again.
    """
    current = list(pool.current(files))
    streams = [
        _ordered(pool, iter(list(group)), query, positions.get(partition, 0), query.limit)
        for partition, group in groupby(current, key=lambda file: file.partition)
    ]
    hits = list(islice(merge(*streams, key=lambda hit: (hit.seq, hit.partition)), query.limit))
    ends = {file.partition: file.last_seq or 0 for file in current}
    if len(hits) == query.limit:
        last = hits[-1]
        ends = {p: min(end, last.seq if p <= last.partition else last.seq - 1) for p, end in ends.items()}
    return hits, {p: max(end, positions.get(p, 0)) for p, end in ends.items()} | {
        p: seq for p, seq in positions.items() if p not in ends
    }


def _ordered(pool: Pool, files: Iterator[DataFile], query: Query, after: int, chunk: int) -> Iterator[Hit]:
    """Hits of one partition by seq, up to the end that the files had when this began."""
    for file in files:
        last = file.last_seq or 0
        if last > after and may_match(file, query):
            yield from _of_file(pool, file, query, range(max(after + 1, file.first_seq), last + 1), chunk)


def _of_file(pool: Pool, file: DataFile, query: Query, seqs: range, chunk: int) -> Iterator[Hit]:
    bounds = key_bounds(file, query.since_ms, query.until_ms)
    try:
        with pool.session(file) as session:
            conditions = compile_query(session, query)
            found = _found(session, conditions, bounds, seqs) if conditions and conditions.match else None
        if conditions is None:
            return
        if found is not None:
            yield from _fetched(pool, file, found, chunk)
        else:
            yield from _walked(pool, file, conditions, bounds, seqs, chunk)
    except Gone:
        return


def _found(session: Session, conditions: Conditions, bounds: Bounds, seqs: range) -> Sequence[int]:
    """Seqs of all matches that the index has in this file, ascending: at most a file's number of events."""
    seq = session.file.seq_sql
    sql, args = rows_sql(session, conditions, seq, bounds, body=False)
    rows = session.connection.execute(f"{sql} AND {seq} BETWEEN ? AND ?", [*args, seqs.start, seqs.stop - 1])
    return array("q", sorted(row[0] for row in rows))


def _fetched(pool: Pool, file: DataFile, seqs: Sequence[int], chunk: int) -> Iterator[Hit]:
    for start in range(0, len(seqs), chunk):
        some = list(seqs[start : start + chunk])
        with pool.session(file) as session:
            hits = list(hits_of(session, some))
        yield from hits


def _walked(
    pool: Pool, file: DataFile, conditions: Conditions, bounds: Bounds, seqs: range, chunk: int
) -> Iterator[Hit]:
    where, args = conditions.rows()
    sql = (
        f"SELECT {HIT_COLUMNS} FROM {file.by_seq} WHERE b.seq BETWEEN ? AND ? "
        f"AND e.key BETWEEN ? AND ?{where} ORDER BY b.seq LIMIT ?"
    )
    first = seqs.start
    while True:
        with pool.session(file) as session:
            rows = session.connection.execute(sql, [first, seqs.stop - 1, *bounds, *args, chunk])
            hits = [session.hit(row) for row in rows]
        yield from hits
        if len(hits) < chunk:
            return
        first = hits[-1].seq + 1
