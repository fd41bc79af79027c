"""Verify the hash chain: recompute every digest from what is stored."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

from collections.abc import Iterator
from heapq import merge

import zstandard

from hub.archive.base import ArchiveError
from hub.archive.sqlite.catalogue import Catalogue, DataFile
from hub.archive.sqlite.chain import GENESIS, ChainCheck, event_digest, extend, repeat_digest
from hub.archive.sqlite.pool import ENTRY_COLUMNS, Gone, Pool, Session

__all__ = ["verify_chain"]


def verify_chain(pool: Pool, catalogue: Catalogue) -> Iterator[ChainCheck]:
    """One check per file, oldest first; a file that retention drops meanwhile is left out."""
    ends = {(gap.partition, gap.to_seq): gap.chain for gap in catalogue.gaps()}
    for file in pool.current(catalogue.files()):
        before = GENESIS if file.first_seq == 1 else ends.get((file.partition, file.first_seq - 1))
        erased = 0
        try:
            with pool.session(file) as session:
                erased = session.connection.execute("SELECT count(*) FROM erased").fetchone()[0]
            problem = _problem(pool, file, before)
        except Gone:
            continue
        except (ArchiveError, zstandard.ZstdError, KeyError, ValueError) as error:
            problem = f"cannot be read: {error}"
        ends[file.partition, file.last_seq or 0] = file.chain
        yield ChainCheck(file.partition, file.first_seq, file.last_seq or 0, file.sealed, problem, erased)


def _problem(pool: Pool, file: DataFile, before: bytes | None) -> str | None:
    with pool.session(file) as session:
        previous, said = session.connection.execute("SELECT previous_chain, chain FROM state").fetchone()
        if before is not None and previous != before:
            return "does not follow the file before it"
        if file.sealed and said != file.chain:
            return "its chain value is not the one in the catalogue"
        session.connection.execute("BEGIN")  # one snapshot, while the writer goes on
        try:
            return _recompute(session, previous)
        finally:
            session.connection.execute("ROLLBACK")


def _recompute(session: Session, previous: bytes) -> str | None:
    chain, expected = previous, session.file.first_seq
    said, last_seq = session.connection.execute("SELECT chain, last_seq FROM state").fetchone()
    for seq, digest in merge(_events(session), _repeats(session), _erased(session)):
        if seq != expected:
            return f"seq {expected} is missing"
        chain = extend(chain, iter((digest,)))
        expected += 1
    if expected != last_seq + 1:
        return f"ends at seq {expected - 1} instead of {last_seq}"
    return None if chain == said else "an event was changed"


def _events(session: Session) -> Iterator[tuple[int, bytes]]:
    rows = session.connection.execute(f"SELECT {ENTRY_COLUMNS} FROM {session.file.by_seq} ORDER BY b.seq")
    for row in rows:
        entry = session.entry(row)
        yield entry.seq, event_digest(entry)


def _repeats(session: Session) -> Iterator[tuple[int, bytes]]:
    for seq, original in session.connection.execute("SELECT seq, original FROM repeats ORDER BY seq"):
        yield seq, repeat_digest(seq, original)


def _erased(session: Session) -> Iterator[tuple[int, bytes]]:
    yield from session.connection.execute("SELECT seq, digest FROM erased ORDER BY seq")
