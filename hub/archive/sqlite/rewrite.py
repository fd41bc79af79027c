"""Erasing: a data file is written anew without an owner's events, and takes the place of the old one.

The index cannot forget a row (contentless FTS5), and a row that is deleted leaves its bytes behind: so the
file goes as a whole. The new one is made whole and durable beside it; one transaction of the catalogue
decides; a crash leaves either of the two, and `adopt` removes the other. An erased record leaves its digest,
so that the hash chain comes out the same: a file that was changed by anybody else is refused.
"""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from itertools import islice
from typing import Any

from hub.archive.base import ArchiveError, Owner
from hub.archive.sqlite.adopt import remove_file, rewrites
from hub.archive.sqlite.batch import Batch
from hub.archive.sqlite.catalogue import DataFile
from hub.archive.sqlite.chain import event_digest, repeat_digest
from hub.archive.sqlite.doomed import doomed_in
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.pool import ENTRY_COLUMNS, Gone, Pool, Session
from hub.archive.sqlite.store import Store
from hub.archive.sqlite.writer import OpenFile, create, sync
from hub.model.event import Entry

__all__ = ["erase_next"]

_AT_ONCE = 2_000
_CHUNK = 5_000
Step = Callable[[Batch], None]


class _Stopped(Exception):
    """The process ends: what was written so far is thrown away."""


@dataclass(frozen=True, slots=True)
class _Going:
    """Seqs of one file that leave only a digest, and the erasure that it belongs to."""

    events: set[int]
    repeats: set[int]
    erasure: int


def erase_next(
    store: Store, pool: Pool, owner: Owner, erasure: int, *, now_ms: int, stop: Callable[[], bool]
) -> int | None:
    """See `hub.archive.base.Archive.erase_next`."""
    for file in store.catalogue.files():
        with suppress(Gone):
            events, repeats, _ = doomed_in(pool, store.catalogue, file, owner)
            if events or repeats:
                going = _Going(events, repeats, erasure)
                with translated(store.directory / file.name, "erase from"), suppress(_Stopped):
                    return _rewrite(store, pool, _sealed(store, file, now_ms), going, stop)
                return None
    return None


def _sealed(store: Store, file: DataFile, now_ms: int) -> DataFile:
    """The file, ended if it was the open one, and left alone by the compaction in the background."""
    with store.lock:
        if not file.sealed:
            store.roll(file.partition, now_ms)
    store.compacted()
    ranges = (file.partition, file.first_seq)
    return next(one for one in store.catalogue.files() if (one.partition, one.first_seq) == ranges)


def _rewrite(store: Store, pool: Pool, file: DataFile, going: _Going, stop: Callable[[], bool]) -> int:
    name = f"events-{file.partition}-{file.first_seq:012}-r{rewrites(file.name) + 1}.db"
    unfinished = f"{name}.new"
    try:
        written = _write(store, pool, file, unfinished, going, stop)
        sync(store.directory / unfinished)
        (store.directory / unfinished).rename(store.directory / name)
        sync(store.directory)
    except BaseException:
        remove_file(store.directory, unfinished)
        raise
    _forget_ids(store, pool, file, going.events)
    store.catalogue.enter([replace(written, name=name)])
    pool.prune()
    remove_file(store.directory, file.name)
    sync(store.directory)
    return len(going.events) + len(going.repeats)


def _write(
    store: Store, pool: Pool, file: DataFile, name: str, going: _Going, stop: Callable[[], bool]
) -> DataFile:
    """The new file, whole, under the name of an unfinished one; its description as sealed."""
    with pool.session(file) as session:
        previous, chain = session.connection.execute("SELECT previous_chain, chain FROM state").fetchone()
        fresh = create(store.directory, file.partition, file.first_seq, file.base_ms, previous, name=name)
        with closing(OpenFile(store.directory, fresh)) as held:
            steps = _steps(session, going)
            while some := list(islice(steps, _AT_ONCE)):
                if stop():
                    raise _Stopped
                batch = held.batch(None)
                for step in some:
                    step(batch)
                held.write(batch)
            if (held.chain, held.last_seq) != (chain, file.last_seq):
                raise ArchiveError(
                    f"{file.name} is not as it was written (its hash chain does not hold): nothing was "
                    "erased from it. Restore it from a back-up, or move it away, and erase again"
                )
            held.copies(_copies(session, going))
            held.compact()
            return held.sealed()


def _steps(session: Session, going: _Going) -> Iterator[Step]:
    """What to do with each seq of the file, in order."""
    streams: tuple[Iterator[tuple[int, Step]], ...] = (
        _events(session, going),
        _repeats(session, going),
        _erased(session),
    )
    return (step for _, step in merge(*streams, key=lambda one: one[0]))


def _events(session: Session, going: _Going) -> Iterator[tuple[int, Step]]:
    rows = session.connection.execute(f"SELECT {ENTRY_COLUMNS} FROM {session.file.by_seq} ORDER BY b.seq")
    for row in rows:
        entry = session.entry(row)
        if entry.seq in going.events:
            yield entry.seq, _leaving(entry.seq, event_digest(entry), going.erasure)
        else:
            clamped_ms = session.file.time_ms(row[0])
            yield entry.seq, partial(_adding, entry, clamped_ms)


def _adding(entry: Entry, clamped_ms: int, batch: Batch) -> None:
    batch.add(entry, clamped_ms)


def _repeating(seq: int, original: int, batch: Batch) -> None:
    batch.repeat(seq, original)


def _leaving(seq: int, digest: bytes, erasure: int) -> Step:
    return lambda batch: batch.erase(seq, digest, erasure)


def _repeats(session: Session, going: _Going) -> Iterator[tuple[int, Step]]:
    for seq, original in session.connection.execute("SELECT seq, original FROM repeats ORDER BY seq"):
        if seq in going.repeats:
            yield seq, _leaving(seq, repeat_digest(seq, original), going.erasure)
        else:
            yield seq, partial(_repeating, seq, original)


def _erased(session: Session) -> Iterator[tuple[int, Step]]:
    """What earlier erasures left."""
    known = session.connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasures'").fetchone()
    ids: dict[int, int] = dict(session.connection.execute("SELECT seq, id FROM erasures")) if known else {}
    for seq, digest in session.connection.execute("SELECT seq, digest FROM erased ORDER BY seq"):
        yield seq, _leaving(seq, digest, ids.get(seq, 0))


def _copies(session: Session, going: _Going) -> list[tuple[Any, ...]]:
    rows = session.connection.execute("SELECT copy, seq FROM repeats WHERE copy IS NOT NULL")
    return [row for row in rows if row[1] not in going.repeats]


def _forget_ids(store: Store, pool: Pool, file: DataFile, seqs: set[int]) -> None:
    """Before the file goes: an id that pointed to an erased event would make a new one its repeat."""
    with pool.session(file) as session:
        rows = session.connection.execute("SELECT key, uid FROM events")
        uids = [uid for key, uid in rows if session.file.seq(key) in seqs]
    for start in range(0, len(uids), _CHUNK):
        with store.lock:
            store.uids.flush()
            store.uids.remove(
                uids[start : start + _CHUNK], file.partition, file.first_seq, file.last_seq or 0
            )
