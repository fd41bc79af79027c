"""Retention: the oldest data files go as a whole, by age or by size, and leave a gap on record."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path

from hub.archive.query import Query
from hub.archive.sqlite.catalogue import DataFile, Gap
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.lookup import copied, entries
from hub.archive.sqlite.pool import Pool
from hub.archive.sqlite.schema import connect_reader, connect_writer, place_of, split_place
from hub.archive.sqlite.store import Store

__all__ = ["endangered", "finish_drops", "gaps", "retain"]

_CHUNK = 5_000
_OWED = "SELECT seq, original FROM repeats WHERE seq >= ? AND original BETWEEN ? AND ? AND copy IS NULL"
_OPEN_SHARE = 4
"""An open file larger than this part of the size limit is sealed, so that it can go once newer came."""


def retain(
    store: Store,
    pool: Pool,
    *,
    now_ms: int,
    keep_ms: int | None,
    max_bytes: int | None,
    owed_from: Mapping[int, int],
) -> int:
    """See `hub.archive.base.Archive.retain`."""
    with translated(store.directory, "drop old files of the archive"):
        _seal(store, now_ms, keep_ms, max_bytes)
        dropped = 0
        for file in [] if keep_ms is None else _expired(store, now_ms - keep_ms, owed_from):
            dropped += _drop(store, pool, file, "retention: age", now_ms, owed_from)
        while (oversize := _oversize(store, pool, max_bytes)) is not None:
            dropped += _drop(store, pool, oversize, "retention: size", now_ms, owed_from)
        return dropped


def _seal(store: Store, now_ms: int, keep_ms: int | None, max_bytes: int | None) -> None:
    """End open files that nothing was added to for long, or that are large against the limit."""
    for file in store.catalogue.files():
        if file.sealed:
            continue
        with store.lock:
            held = store.open_file(file.partition)
            current = held.sealed()
            stale = keep_ms is not None and current.newest_ms < now_ms - keep_ms
            large = max_bytes is not None and _bytes(store.directory, file) * _OPEN_SHARE > max_bytes
            if current.events and (stale or large):
                store.roll(file.partition, now_ms)


def _expired(store: Store, before_ms: int, owed_from: Mapping[int, int]) -> list[DataFile]:
    """From the oldest on, files of which everything is older than `before_ms` and nothing is owed."""
    found: list[DataFile] = []
    for partition, files in groupby(store.catalogue.files(), key=lambda file: file.partition):
        for file in files:
            owed = (file.last_seq or 0) >= owed_from.get(partition, 1 << 62)
            if not file.sealed or owed or file.newest_ms >= before_ms:
                break
            found.append(file)
    return found


def _oversize(store: Store, pool: Pool, max_bytes: int | None) -> DataFile | None:
    """The oldest file while all exceed `max_bytes`; never a partition's last one that holds events."""
    files = list(pool.current(store.catalogue.files()))
    if max_bytes is None or sum(_bytes(store.directory, file) for file in files) <= max_bytes:
        return None
    candidates = []
    for _, group in groupby(files, key=lambda file: file.partition):
        oldest, *later = group
        if oldest.sealed and any(file.events for file in later):
            candidates.append(oldest)
    return min(candidates, key=lambda file: file.max_recorded or 0, default=None)


def endangered(store: Store, pool: Pool, partition: int, max_bytes: int) -> int:
    """See `hub.archive.base.Archive.endangered`."""
    with translated(store.directory, "read the archive in"):
        files = list(pool.current(store.catalogue.files()))
        over = sum(_bytes(store.directory, file) for file in files) - max_bytes
        reached = 0
        for file in files[:-1]:
            if over <= 0:
                break
            over -= _bytes(store.directory, file)
            reached = (file.last_seq or 0) if file.partition == partition else reached
        return reached


def _bytes(directory: Path, file: DataFile) -> int:
    paths = (Path(f"{directory / file.name}{suffix}") for suffix in ("", "-wal"))
    return sum(path.stat().st_size for path in paths if path.exists())


def _drop(
    store: Store, pool: Pool, file: DataFile, reason: str, now_ms: int, owed_from: Mapping[int, int]
) -> int:
    with store.lock:
        _keep_owed_repeats(store, pool, file, owed_from)
        store.catalogue.drop(file, _gap(file, reason, now_ms))
    pool.forget(file)
    _remove(store, file)
    return file.events or 0


def _gap(file: DataFile, reason: str, now_ms: int) -> Gap:
    return Gap(
        file.partition,
        file.first_seq,
        file.last_seq or 0,
        reason,
        file.events or 0,
        file.min_ms,
        file.max_ms,
        file.min_recorded,
        file.max_recorded,
        file.chain,
        now_ms,
    )


def _keep_owed_repeats(store: Store, pool: Pool, file: DataFile, owed_from: Mapping[int, int]) -> None:
    """A later repeat that is still owed to a connector takes a copy of the first copy before that goes."""
    lowest, highest = place_of(file.partition, file.first_seq), place_of(file.partition, file.last_seq or 0)
    for later in store.catalogue.files():
        owed = owed_from.get(later.partition)
        if owed is None or later == file or (later.last_seq is not None and later.last_seq < owed):
            continue
        with closing(connect_reader(store.directory / later.name)) as connection:
            rows = connection.execute(_OWED, (owed, lowest, highest)).fetchall()
        if rows:
            _copy(store, pool, later, rows)


def _copy(store: Store, pool: Pool, later: DataFile, rows: Sequence[tuple[int, int]]) -> None:
    partition = split_place(rows[0][1])[0]
    firsts = entries(pool, store.catalogue, partition, [split_place(original)[1] for _, original in rows])
    found = ((seq, firsts.get(split_place(original)[1])) for seq, original in rows)
    with (
        closing(
            connect_writer(store.directory / later.name, "", cache_kib=2048, synchronous="FULL")
        ) as connection,
        connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            "UPDATE repeats SET copy = ? WHERE seq = ?",
            [(copied(first), seq) for seq, first in found if first is not None],
        )


def _remove(store: Store, file: DataFile) -> None:
    """Take a dropped file's ids out of the index, a slice at a time, then the file itself."""
    path = store.directory / file.name
    if path.exists():
        with closing(connect_reader(path)) as connection:
            uids = connection.execute("SELECT uid FROM events")
            while chunk := uids.fetchmany(_CHUNK):
                with store.lock:
                    store.uids.remove(
                        (row[0] for row in chunk), file.partition, file.first_seq, file.last_seq or 0
                    )
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    with store.lock:
        store.catalogue.forget(file)


def finish_drops(store: Store) -> None:
    """Go on with drops that a crash interrupted."""
    with translated(store.directory, "drop old files of the archive"):
        for file in store.catalogue.all_files():
            if file.status == "dropping":
                _remove(store, file)


def gaps(all_gaps: Sequence[Gap], query: Query) -> list[dict[str, object]]:
    """Dropped ranges that the query's times touch, neighbours of one reason as one."""
    found: list[dict[str, object]] = []
    for gap in all_gaps:
        if not gap.events or not _touches(gap, query):
            continue
        last = found[-1] if found else {}
        if (last.get("partition"), last.get("to_seq"), last.get("reason")) == (
            gap.partition,
            gap.from_seq - 1,
            gap.reason,
        ):
            last["to_seq"] = gap.to_seq
            last["events"] = int(str(last["events"])) + gap.events
        else:
            found.append(
                {
                    "partition": gap.partition,
                    "from_seq": gap.from_seq,
                    "to_seq": gap.to_seq,
                    "reason": gap.reason,
                    "events": gap.events,
                }
            )
    return found


def _touches(gap: Gap, query: Query) -> bool:
    return (
        (query.since_ms is None or (gap.max_ms or 0) >= query.since_ms)
        and (query.until_ms is None or (gap.min_ms or 0) < query.until_ms)
        and (query.recorded_since_ms is None or (gap.max_recorded or 0) >= query.recorded_since_ms)
        and (query.recorded_until_ms is None or (gap.min_recorded or 0) < query.recorded_until_ms)
        and (query.after_seq is None or gap.to_seq > query.after_seq)
    )
