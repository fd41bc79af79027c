"""What an owner has in the archive: events, and repeats of them, file by file."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from hub.archive.base import Doomed, Group, Owner
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.lookup import header_of_copy
from hub.archive.sqlite.pool import Gone, Pool, Session
from hub.archive.sqlite.schema import split_place

__all__ = ["doomed", "doomed_in", "erased_of"]

_CHUNK = 500


def doomed(pool: Pool, catalogue: Catalogue, owner: Owner, bounds: Sequence[int]) -> Iterator[Doomed]:
    """See `hub.archive.base.Archive.doomed`: one for each file that holds anything."""
    for file in catalogue.files():
        try:
            seqs, repeats, groups = doomed_in(pool, catalogue, file, owner, bounds)
        except Gone:
            continue
        if seqs or repeats:
            yield Doomed(file.partition, [*seqs, *repeats], groups)


def doomed_in(
    pool: Pool, catalogue: Catalogue, file: DataFile, owner: Owner, bounds: Sequence[int] = ()
) -> tuple[set[int], set[int], Counter[Group]]:
    """`(seqs of events, seqs of repeats, groups)` of one file. Raises `Gone`, `ArchiveError`."""
    groups: Counter[Group] = Counter()
    seqs: set[int] = set()
    with pool.session(file) as session:
        if origins := _origins(session, owner):
            sql = f"SELECT key, origin, kind, domain FROM events WHERE origin IN ({_marks(origins)})"
            for key, origin, kind, domain in session.connection.execute(sql, origins):
                seq = session.file.seq(key)
                seqs.add(seq)
                groups[_group(session, bisect_right(bounds, seq), origin, kind, domain)] += 1
        rows = session.connection.execute("SELECT seq, original, copy FROM repeats").fetchall()
    copied = {seq for seq, _, copy in rows if copy is not None and _owns(owner, copy)}
    places = {original: seq for seq, original, copy in rows if copy is None}
    gone = set(_owned_places(pool, catalogue, owner, sorted(places)))
    return seqs, copied | {seq for seq, original, _ in rows if original in gone}, groups


def _origins(session: Session, owner: Owner) -> list[int]:
    kept = owner.kept_sources
    sql = f"SELECT id FROM origins WHERE tenant = ? AND source NOT IN ({_marks(kept)})"
    tenant = owner.tenant.encode("utf-8", "replace").decode()
    return [row[0] for row in session.connection.execute(sql, (tenant, *kept))]


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _group(session: Session, table: int, origin: int, kind: int, domain: int) -> Group:
    tenant, source = session.name("origins", origin)
    class_uid, code, severity, _ = session.name("kinds", kind)
    return (table, tenant, source, class_uid, code, severity, session.name("domains", domain)[0])


def _owns(owner: Owner, copy: bytes) -> bool:
    header = header_of_copy(copy)
    return header.tenant == owner.tenant and header.source not in owner.kept_sources


def _owned_places(pool: Pool, catalogue: Catalogue, owner: Owner, places: Iterable[int]) -> Iterator[int]:
    """Those of `places` (ascending) whose event is the owner's, or was erased before."""
    files = catalogue.files()
    for file, some in groupby(places, key=lambda place: _file_of(files, place)):
        if file is None:
            continue
        wanted = {split_place(place)[1]: place for place in some}
        try:
            with pool.session(file) as session:
                found = [*_owned(session, owner, list(wanted)), *erased_of(session, list(wanted))]
        except Gone:
            continue
        yield from (wanted[seq] for seq in found)


def _file_of(files: Sequence[DataFile], place: int) -> DataFile | None:
    partition, seq = split_place(place)
    at = bisect_right(files, (partition, seq), key=lambda file: (file.partition, file.first_seq)) - 1
    return files[at] if at >= 0 and files[at].partition == partition else None


def _owned(session: Session, owner: Owner, seqs: Sequence[int]) -> Iterator[int]:
    origins = _origins(session, owner)
    for start in range(0, len(seqs) if origins else 0, _CHUNK):
        some = seqs[start : start + _CHUNK]
        where = f"b.seq IN ({_marks(some)}) AND e.origin IN ({_marks(origins)})"
        sql = f"SELECT b.seq FROM {session.file.by_seq} WHERE {where}"
        yield from (row[0] for row in session.connection.execute(sql, (*some, *origins)))


def erased_of(session: Session, seqs: Sequence[int]) -> Iterator[int]:
    """Those of `seqs` of which the session's file has only the digest."""
    for start in range(0, len(seqs), _CHUNK):
        some = seqs[start : start + _CHUNK]
        sql = f"SELECT seq FROM erased WHERE seq IN ({_marks(some)})"
        yield from (row[0] for row in session.connection.execute(sql, some))
