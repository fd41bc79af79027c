"""What the rest of the hub may ask of the archive. Calls are synchronous: the SQLite back end runs on
threads of its own.

The archive only ever says stored or duplicate; it never parks or filters, and raises `ArchiveError` when it
cannot write.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hub.archive.query import Query
from hub.model.event import Entry

__all__ = ["Archive", "ArchiveError", "ArchiveInUse", "Hit", "Page", "Stored"]


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

    def close(self) -> None: ...
