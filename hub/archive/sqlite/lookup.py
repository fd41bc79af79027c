"""Events by place: payloads for the senders, and one event by its id."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from hub.archive.base import Hit
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.pool import ENTRY_COLUMNS, HIT_COLUMNS, Gone, Pool, Session
from hub.archive.sqlite.schema import connect_reader, split_place
from hub.model.event import Entry, Header

__all__ = ["copied", "entries", "header_of_copy", "hit_at", "hits_of", "recent", "written_place"]

_CHUNK = 500
_decode_copy = msgspec.msgpack.Decoder(tuple[bytes, Header, bytes]).decode
_encode_copy = msgspec.msgpack.Encoder().encode


def copied(entry: Entry) -> bytes:
    """A first copy as a repeat keeps it, when retention drops the file of the first copy before the repeat is
    sent.
    """
    return _encode_copy((entry.uid, entry.header, entry.body))


def header_of_copy(copy: bytes) -> Header:
    """The header in what `copied` made."""
    return _decode_copy(copy)[1]


def entries(pool: Pool, catalogue: Catalogue, partition: int, seqs: Sequence[int]) -> dict[int, Entry]:
    """Those of `seqs` that are held; a repeat has its own seq and the first copy's rest."""
    files = [file for file in catalogue.files() if file.partition == partition]
    found: dict[int, Entry] = {}
    places: dict[int, int] = {}
    for file, mine in _by_file(files, sorted(set(seqs))):
        try:
            with pool.session(file) as session:
                found.update(_stored(session, mine))
                _repeats(session, [seq for seq in mine if seq not in found], found, places)
        except Gone:
            continue
    for seq, place in places.items():
        first = _first_copy(pool, catalogue, place)
        if first is not None:
            found[seq] = Entry(seq, first.uid, first.header, first.body)
    return found


def _by_file(files: Sequence[DataFile], seqs: Sequence[int]) -> Iterable[tuple[DataFile, list[int]]]:
    for file, following in zip(files, [*files[1:], None], strict=False):
        end = following.first_seq if following else (1 << 63)
        mine = [seq for seq in seqs if file.first_seq <= seq < end]
        if mine:
            yield file, mine


def _stored(session: Session, seqs: Sequence[int]) -> dict[int, Entry]:
    entries = map(session.entry, _rows_of(session, ENTRY_COLUMNS, seqs))
    return {entry.seq: entry for entry in entries}


def hits_of(session: Session, seqs: Sequence[int]) -> Iterator[Hit]:
    """Hits of those `seqs` (ascending) that the session's file holds."""
    return map(session.hit, _rows_of(session, HIT_COLUMNS, seqs))


def _rows_of(session: Session, columns: str, seqs: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    for start in range(0, len(seqs), _CHUNK):
        some = seqs[start : start + _CHUNK]
        marks = ", ".join("?" * len(some))
        sql = f"SELECT {columns} FROM {session.file.by_seq} WHERE b.seq IN ({marks}) ORDER BY b.seq"
        yield from session.connection.execute(sql, some)


def _repeats(session: Session, seqs: Sequence[int], found: dict[int, Entry], places: dict[int, int]) -> None:
    """Add repeats in place: those with a copy of their own to `found`, the rest to `places`."""
    for seq in seqs:
        sql = "SELECT original, copy FROM repeats WHERE seq = ?"
        row = session.connection.execute(sql, (seq,)).fetchone()
        if row and row[1] is not None:
            found[seq] = Entry(seq, *_decode_copy(row[1]))
        elif row:
            places[seq] = row[0]


def _first_copy(pool: Pool, catalogue: Catalogue, place: int) -> Entry | None:
    partition, seq = split_place(place)
    files = [file for file in catalogue.files() if file.partition == partition]
    for file, mine in _by_file(files, [seq]):
        try:
            with pool.session(file) as session:
                return _stored(session, mine).get(seq)
        except Gone:
            return None
    return None


def hit_at(pool: Pool, catalogue: Catalogue, place: int, uid: bytes) -> Hit | None:
    """The event at a place, when it is there and has this id (the id index may be behind or ahead)."""
    partition, seq = split_place(place)
    files = [file for file in catalogue.files() if file.partition == partition]
    for file, _ in _by_file(files, [seq]):
        try:
            with pool.session(file) as session:
                sql = f"SELECT {HIT_COLUMNS} FROM {file.by_seq} WHERE b.seq = ? AND e.uid = ?"
                row = session.connection.execute(sql, (seq, uid)).fetchone()
                return session.hit(row) if row else None
        except Gone:
            return None
    return None


def written_place(path: Path, uid: bytes) -> tuple[int | None, dict[int, int]]:
    """The id's place in the index on disk or `None`, and how far that index goes per partition."""
    with closing(connect_reader(path, cache_kib=256)) as connection:
        row = connection.execute("SELECT place FROM uids WHERE uid = ?", (uid,)).fetchone()
        return (row[0] if row else None), dict(
            connection.execute("SELECT partition, seq FROM progress").fetchall()
        )


def recent(pool: Pool, catalogue: Catalogue, uid: bytes, reached: dict[int, int]) -> Hit | None:
    """An event that the id index does not have yet (a reader of another process sees it on disk only)."""
    for file in pool.current(catalogue.files()):
        after = reached.get(file.partition, 0)
        if (file.last_seq or 0) <= after:
            continue
        try:
            with pool.session(file) as session:
                sql = f"SELECT {HIT_COLUMNS} FROM {file.by_seq} WHERE b.seq > ? AND e.uid = ? LIMIT 1"
                row = session.connection.execute(sql, (after, uid)).fetchone()
                if row:
                    return session.hit(row)
        except Gone:
            continue
    return None
