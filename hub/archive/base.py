"""What the rest of the hub may ask of the archive. Calls are synchronous: the SQLite back end runs on
threads of its own.

The archive only ever says stored or duplicate; it never parks or filters, and raises `ArchiveError` when it
cannot write.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from hub.archive.query import Query
from hub.model.event import Entry

__all__ = [
    "Archive",
    "ArchiveError",
    "ArchiveInUse",
    "Doomed",
    "ErasureCheck",
    "ErasureRecord",
    "Hit",
    "Owner",
    "Page",
    "Stored",
]


class ArchiveError(Exception):
    """The archive cannot be written or read: disk full, locked by another process, damaged. Says which file
    and what to do.
    """


class ArchiveInUse(ArchiveError):
    """Another process writes there. Says which."""


@dataclass(frozen=True, slots=True)
class Stored:
    stored: int
    duplicate: int


@dataclass(frozen=True, slots=True)
class Hit:
    """One archived event."""

    partition: int
    seq: int
    uid: str
    time_ms: int
    """Event time, clamped to [recorded - retention, recorded + 1 day]."""
    recorded_ms: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    hits: Sequence[Hit]
    cursor: str | None
    """Opaque; pass it to get the next page. `None` at the end."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose events are erased."""

    tenant: str
    kept_sources: tuple[str, ...] = ()
    """Sources of that tenant that stay: the hub's own, where its health events carry this tenant."""


Group = tuple[int, str, str, int, str, int, str]
"""`(place among the given bounds, tenant, source, class, code, severity, domain)`: what routing looks at."""


@dataclass(frozen=True, slots=True)
class Doomed:
    """What one data file holds of an owner."""

    partition: int
    seqs: Sequence[int]
    """Of its events, and of repeats of them; in no order."""
    groups: Mapping[Group, int]
    """Events by what routing looks at."""


class ErasureRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of an erasure. `hash` is SHA-256 over everything else, `previous` included: a chain."""

    id: int
    """Epoch ms at which it was asked for; no two have the same."""
    tenant: str
    asked_by: str
    asked_ms: int
    done_ms: int
    upto_seq: int
    """Last event recorded before the tenant was closed for good."""
    events: int
    """Records of the archive that left only their digest (repeats of one event included)."""
    digest: str
    """SHA-256 over the sorted digests of those, hexadecimal."""
    places: Mapping[str, int]
    """What was removed where, by place."""
    notes: tuple[str, ...]
    """What could not be erased from here, and other remarks."""
    previous: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class ErasureCheck:
    record: ErasureRecord
    problem: str | None
    """`None` when the record is as it was written and the digests left behind are the ones it names."""


class Archive(Protocol):
    def offset(self, partition: int) -> int:
        """Highest seq that is durable and searchable; everything up to it is stored, a duplicate, or gone
        by retention.
        """
        ...

    def append(self, partition: int, entries: Sequence[Entry]) -> Stored:
        """Store entries (ascending seq, following `offset` without a hole) in one durable step. Repeating a
        call stores nothing twice.

        Raises `ValueError` on a hole, `ArchiveError` when it cannot write.
        """
        ...

    def begin(self, partition: int, after: int, *, now_ms: int) -> None:
        """An archive that holds nothing of this partition yet takes what follows seq `after`.

        Raises `ArchiveError` when it holds something.
        """
        ...

    def entries(self, partition: int, seqs: Sequence[int]) -> dict[int, Entry]:
        """Those of `seqs` that it holds (a repeat's seq gives the first copy's body)."""
        ...

    def oldest_seq(self, partition: int) -> int:
        """Lowest seq still held; references below it are gone by retention. 0 when empty."""
        ...

    def search(self, query: Query) -> Page:
        """Newest first (event time), or oldest first by record order when the query says so; stable under
        inserts. A feed never ends: its page always has a cursor, which alone goes on from there.

        Raises `ValueError` for a bad cursor or limit.
        """
        ...

    def get(self, uid: str) -> Hit | None: ...

    def count(self, query: Query) -> int: ...

    def facets(self, query: Query, field: str, limit: int = 20) -> Sequence[tuple[str, int]]:
        """Most frequent values of `tenant | source | class | code | severity | disposition | domain |
        sender | recipient`, with counts.
        """
        ...

    def histogram(self, query: Query, interval_ms: int) -> Sequence[tuple[int, int]]:
        """`(bucket start ms, count)` ascending, empty buckets left out; buckets begin at multiples of the
        interval since 1970.
        """
        ...

    def iterate(self, query: Query) -> Iterator[Hit]:
        """Every hit of the query in record order (oldest first), in bounded memory, for export and replay.

        `after_seq` is where it begins; `limit` and `cursor` do not count.
        """
        ...

    def gaps(self, query: Query) -> Sequence[Mapping[str, object]]:
        """What the range no longer holds (retention, erasure): `[{"from_seq","to_seq","reason"}]`."""
        ...

    def retain(
        self, *, now_ms: int, keep_ms: int | None, max_bytes: int | None, owed_from: Mapping[int, int]
    ) -> int:
        """Drop whole partition files: by age only below `owed_from` (partition -> lowest seq still owed to
        a connector), by size regardless.
        Returns the number of events dropped.
        """
        ...

    def endangered(self, partition: int, max_bytes: int) -> int:
        """Highest seq that would go if no more than `max_bytes` were allowed; 0 for none."""
        ...

    # -- erasing ---------------------------------------------------------------------------------------------
    def doomed(self, owner: Owner, bounds: Sequence[int] = ()) -> Iterator[Doomed]:
        """What is held of an owner, file by file; `bounds` are the seqs at which other route tables begin."""
        ...

    def erase_next(self, owner: Owner, erasure: int, *, now_ms: int, stop: Callable[[], bool]) -> int | None:
        """Rewrite the next file that holds anything of the owner without it; each leaves its digest.

        Returns how many records were erased; `None` when nothing is left, or `stop` said so (nothing was
        done then).
        """
        ...

    def erased(self, partition: int, seqs: Sequence[int]) -> set[int]:
        """Those of `seqs` of which only the digest is left."""
        ...

    def tombstones(self, erasure: int) -> tuple[int, str]:
        """How many digests an erasure left, and SHA-256 over them sorted."""
        ...

    def keep_record(self, record: ErasureRecord) -> ErasureRecord:
        """Add it to the chain of records; one with this id is there already = that one."""
        ...

    def erasures(self, *, check: bool = False) -> Sequence[ErasureCheck]:
        """Every record, oldest first; with `check` held against the chain and the digests left behind."""
        ...

    def prune(self) -> None:
        """Let go of files that are not part of the archive any more, so that the disk is given back."""
        ...

    def close(self) -> None: ...
