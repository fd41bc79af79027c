"""What is on record of erasures: a chain of records in the catalogue, and the digests left behind."""

import sqlite3
from collections.abc import Sequence
from hashlib import sha256

import msgspec

from hub.archive.base import ErasureCheck, ErasureRecord
from hub.archive.sqlite.catalogue import Catalogue
from hub.archive.sqlite.doomed import erased_of
from hub.archive.sqlite.pool import Gone, Pool

__all__ = ["erased", "erasures", "keep_record", "tombstones"]

_decode = msgspec.json.Decoder(ErasureRecord).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


def sealed_hash(record: ErasureRecord) -> str:
    """SHA-256 over the record without its own hash, as JSON with sorted keys; hexadecimal."""
    return sha256(_encode(msgspec.structs.replace(record, hash=""))).hexdigest()


def keep_record(catalogue: Catalogue, record: ErasureRecord) -> ErasureRecord:
    """See `hub.archive.base.Archive.keep_record`."""
    known = [_decode(raw) for raw in catalogue.erasures()]
    if there := next((one for one in known if one.id == record.id), None):
        return there
    record = msgspec.structs.replace(record, previous=known[-1].hash if known else "")
    record = msgspec.structs.replace(record, hash=sealed_hash(record))
    catalogue.add_erasure(record.id, _encode(record))
    return record


def erasures(pool: Pool, catalogue: Catalogue, *, check: bool) -> Sequence[ErasureCheck]:
    """See `hub.archive.base.Archive.erasures`."""
    found, previous = [], ""
    for raw in catalogue.erasures():
        record = _decode(raw)
        problem = _problem(pool, catalogue, record, previous) if check else None
        found.append(ErasureCheck(record, problem))
        previous = record.hash
    return found


def _problem(pool: Pool, catalogue: Catalogue, record: ErasureRecord, previous: str) -> str | None:
    if record.previous != previous:
        return "does not follow the record before it: one is missing or was changed"
    if record.hash != sealed_hash(record):
        return "the record was changed"
    left, digest = tombstones(pool, catalogue, record.id)
    if left < record.events and any(gap.from_seq <= record.upto_seq for gap in catalogue.gaps()):
        return (
            f"{left} of {record.events} digests are left: retention took the others, nothing to check against"
        )
    if (left, digest) != (record.events, record.digest):
        return f"the archive holds {left} digests of it, the record names {record.events} or other ones"
    return None


def tombstones(pool: Pool, catalogue: Catalogue, erasure: int) -> tuple[int, str]:
    """See `hub.archive.base.Archive.tombstones`."""
    digests: list[bytes] = []
    for file in catalogue.files():
        try:
            with pool.session(file) as session:
                digests += _digests(session.connection, erasure)
        except Gone:
            continue
    return len(digests), sha256(b"".join(sorted(digests))).hexdigest()


def _digests(connection: sqlite3.Connection, erasure: int) -> list[bytes]:
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erasures'").fetchone():
        return []
    sql = "SELECT x.digest FROM erasures e JOIN erased x USING(seq) WHERE e.id = ?"
    return [row[0] for row in connection.execute(sql, (erasure,))]


def erased(pool: Pool, catalogue: Catalogue, partition: int, seqs: Sequence[int]) -> set[int]:
    """See `hub.archive.base.Archive.erased`."""
    found: set[int] = set()
    for file in catalogue.files():
        if file.partition != partition or not file.sealed:
            continue
        mine = [seq for seq in seqs if file.first_seq <= seq <= (file.last_seq or 0)]
        if mine:
            try:
                with pool.session(file) as session:
                    found.update(erased_of(session, mine))
            except Gone:
                continue
    return found
