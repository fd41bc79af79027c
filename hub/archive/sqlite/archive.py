"""The archive in a directory of SQLite files."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hub.archive.base import ArchiveError, Doomed, ErasureCheck, ErasureRecord, Hit, Owner, Page, Stored
from hub.archive.query import MAX_LIMIT, Query
from hub.archive.sqlite import counts, lookup, records, retention
from hub.archive.sqlite.batch import DAY_MS
from hub.archive.sqlite.catalogue import Catalogue
from hub.archive.sqlite.chain import ChainCheck
from hub.archive.sqlite.cursor import FeedCursor, PageCursor, decode, encode_feed, encode_page
from hub.archive.sqlite.doomed import doomed
from hub.archive.sqlite.failure import translated
from hub.archive.sqlite.feed import feed, iterate
from hub.archive.sqlite.pool import Pool
from hub.archive.sqlite.rewrite import erase_next
from hub.archive.sqlite.search import page
from hub.archive.sqlite.store import Store
from hub.archive.sqlite.uids import NAME
from hub.archive.sqlite.verify import verify_chain
from hub.model.event import Entry
from hub.model.ids import uid_from_text

__all__ = ["MAX_ROLL_EVENTS", "SqliteArchive"]

MAX_ROLL_EVENTS = 250_000
"""Records of one data file; the keys have room for these and one more batch."""


class SqliteArchive:
    """`hub.archive.base.Archive` on SQLite: one writing process per directory, any number of `read_only` ones
    beside it.

    Thread-safe. Raises `ArchiveError` when another process writes there, when the directory cannot be used,
    or when a newer version wrote it; `ValueError` for settings out of range.
    """

    def __init__(
        self,
        path: Path,
        *,
        keep_days: int | None = None,
        roll_events: int = MAX_ROLL_EVENTS,
        roll_days: int = 7,
        read_only: bool = False,
    ) -> None:
        if not 1 <= roll_events <= MAX_ROLL_EVENTS:
            raise ValueError(f"roll_events is {roll_events}: choose 1 to {MAX_ROLL_EVENTS:,}")
        if roll_days < 1 or (keep_days is not None and keep_days < 1):
            raise ValueError("roll_days and keep_days are at least 1")
        self.path = path
        self._store: Store | None = None
        if read_only:
            with translated(path, "read the archive in"):
                self._catalogue = Catalogue(path, read_only=True)
        else:
            keep_ms = None if keep_days is None else keep_days * DAY_MS
            self._store = Store(path, keep_ms=keep_ms, roll_events=roll_events, roll_ms=roll_days * DAY_MS)
            retention.finish_drops(self._store)
            self._catalogue = self._store.catalogue
        self._pool = Pool(path, self._catalogue)

    def _writer(self) -> Store:
        if self._store is None:
            raise ArchiveError(
                f"the archive {self.path} is open read-only here: the process that owns it writes"
            )
        return self._store

    def offset(self, partition: int) -> int:
        """See `Archive.offset`."""
        if self._store is not None:
            if (known := self._store.known_offset(partition)) is not None:
                return known
            with self._store.lock, translated(self.path, "read the archive in"):
                return self._store.offset(partition)
        files = [file for file in self._catalogue.files() if file.partition == partition]
        return max((file.last_seq or 0 for file in self._pool.current(files[-1:])), default=0)

    def append(self, partition: int, entries: Sequence[Entry]) -> Stored:
        """See `Archive.append`; at most 5,000 entries, more is a `ValueError`."""
        return self._writer().append(partition, entries)

    def begin(self, partition: int, after: int, *, now_ms: int) -> None:
        """See `Archive.begin`."""
        self._writer().begin(partition, after, now_ms)

    def entries(self, partition: int, seqs: Sequence[int]) -> dict[int, Entry]:
        """See `Archive.entries`."""
        return lookup.entries(self._pool, self._catalogue, partition, seqs)

    def oldest_seq(self, partition: int) -> int:
        """See `Archive.oldest_seq`."""
        files = [file for file in self._catalogue.files() if file.partition == partition]
        held = (f.first_seq for f in self._pool.current(files) if (f.last_seq or 0) >= f.first_seq)
        return next(held, 0)

    def search(self, query: Query) -> Page:
        """See `Archive.search`. A feed (`after_seq`) never ends: its page always has a cursor, the place to
        go on from.

        Raises `ValueError` for a cursor that is damaged or comes with `after_seq`, and a limit outside 1 to
        `MAX_LIMIT`.
        """
        if not 1 <= query.limit <= MAX_LIMIT:
            raise ValueError(f"limit is {query.limit}: choose 1 to {MAX_LIMIT}")
        if query.cursor is not None and query.after_seq is not None:
            raise ValueError("cursor and after_seq exclude each other: pass the cursor alone to go on")
        after = decode(query.cursor) if query.cursor is not None else None
        if isinstance(after, FeedCursor) or query.after_seq is not None:
            return self._feed(query, after.positions if isinstance(after, FeedCursor) else None)
        hits = page(self._pool, self._catalogue.files(), query, after)
        if len(hits) <= query.limit:
            return Page(hits, None)
        last = hits[query.limit - 1]
        return Page(hits[: query.limit], encode_page(PageCursor(last.time_ms, last.partition, last.seq)))

    def _feed(self, query: Query, positions: dict[int, int] | None) -> Page:
        files = self._catalogue.files()
        if positions is None:
            positions = dict.fromkeys({file.partition for file in files} or {0}, query.after_seq or 0)
        hits, reached = feed(self._pool, files, query, positions)
        return Page(hits, encode_feed(FeedCursor(reached)))

    def get(self, uid: str) -> Hit | None:
        """The event with this id (32 hexadecimal digits), or `None`."""
        try:
            raw = uid_from_text(uid.lower())
        except ValueError:
            return None
        place = self._store.uids.pending_place(raw) if self._store else None
        reached: dict[int, int] = {}
        if place is None:
            with translated(self.path / NAME, "read"):
                place, reached = lookup.written_place(self.path / NAME, raw)
        hit = None if place is None else lookup.hit_at(self._pool, self._catalogue, place, raw)
        if hit is None and self._store is None:
            hit = lookup.recent(self._pool, self._catalogue, raw, reached)
        return hit

    def count(self, query: Query) -> int:
        """See `Archive.count`."""
        return counts.count(self._pool, self._catalogue.files(), query)

    def facets(self, query: Query, field: str, limit: int = 20) -> Sequence[tuple[str, int]]:
        """See `Archive.facets`. Raises `ValueError` for another field."""
        return counts.facets(self._pool, self._catalogue.files(), query, field, limit)

    def histogram(self, query: Query, interval_ms: int) -> Sequence[tuple[int, int]]:
        """See `Archive.histogram`; buckets begin at multiples of the interval since 1970."""
        return counts.histogram(self._pool, self._catalogue.files(), query, interval_ms)

    def iterate(self, query: Query) -> Iterator[Hit]:
        """See `Archive.iterate`: by partition and seq, after `after_seq`; `limit` and `cursor` do not count
        here.
        """
        return iterate(self._pool, self._catalogue.files(), query)

    def gaps(self, query: Query) -> Sequence[Mapping[str, object]]:
        """See `Archive.gaps`; also `partition` and the number of `events`."""
        return retention.gaps(self._catalogue.gaps(), query)

    def retain(
        self, *, now_ms: int, keep_ms: int | None, max_bytes: int | None, owed_from: Mapping[int, int]
    ) -> int:
        """See `Archive.retain`. A partition's newest events are never dropped for size."""
        return retention.retain(
            self._writer(),
            self._pool,
            now_ms=now_ms,
            keep_ms=keep_ms,
            max_bytes=max_bytes,
            owed_from=owed_from,
        )

    def endangered(self, partition: int, max_bytes: int) -> int:
        """See `Archive.endangered`."""
        return retention.endangered(self._writer(), self._pool, partition, max_bytes)

    # -- erasing ---------------------------------------------------------------------------------------------
    def doomed(self, owner: Owner, bounds: Sequence[int] = ()) -> Iterator[Doomed]:
        """See `Archive.doomed`."""
        return doomed(self._pool, self._catalogue, owner, bounds)

    def erase_next(self, owner: Owner, erasure: int, *, now_ms: int, stop: Callable[[], bool]) -> int | None:
        """See `Archive.erase_next`."""
        return erase_next(self._writer(), self._pool, owner, erasure, now_ms=now_ms, stop=stop)

    def erased(self, partition: int, seqs: Sequence[int]) -> set[int]:
        """See `Archive.erased`."""
        return records.erased(self._pool, self._catalogue, partition, seqs)

    def tombstones(self, erasure: int) -> tuple[int, str]:
        """See `Archive.tombstones`."""
        return records.tombstones(self._pool, self._catalogue, erasure)

    def keep_record(self, record: ErasureRecord) -> ErasureRecord:
        """See `Archive.keep_record`."""
        return records.keep_record(self._writer().catalogue, record)

    def erasures(self, *, check: bool = False) -> Sequence[ErasureCheck]:
        """See `Archive.erasures`."""
        return records.erasures(self._pool, self._catalogue, check=check)

    def prune(self) -> None:
        """See `Archive.prune`."""
        self._pool.prune()

    def verify_chain(self) -> Iterator[ChainCheck]:
        """Check every file against the hash chain, oldest first."""
        return verify_chain(self._pool, self._catalogue)

    def close(self) -> None:
        """Let go of the directory; calls after it fail."""
        self._pool.close()
        if self._store is not None:
            self._store.close()
        else:
            self._catalogue.close()
