"""Where a reference's payload comes from: what this process read lately, the log, the archive; in neither =
an error.

The log is read once per process: the router puts what it reads here, and the archive's writer and the
senders take it
from here as long as it is held.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence

from hub.model.event import Entry
from hub.store.base import Log, Stale

__all__ = ["MissingPayload", "Payloads"]

CACHE_BYTES = 32 * 1024 * 1024
_OBJECTS_BYTES = 500
"""What an entry costs besides its body, about: header, its texts, places in two collections."""


class MissingPayload(Exception):
    """A reference's event is neither in the log nor in the archive: the connector stops, nothing is
    dropped.
    """

    def __init__(self, seqs: Sequence[int]) -> None:
        shown = ", ".join(map(str, seqs[:5]))
        super().__init__(
            f"the payload of {len(seqs)} event(s) (seq {shown}) is neither in the log nor in the archive"
        )
        self.seqs = tuple(seqs)


class Payloads:
    """Payloads by seq for one partition."""

    def __init__(
        self,
        log: Log,
        archived: Callable[[Sequence[int]], Awaitable[Mapping[int, Entry]]] | None,
        erased: Callable[[Sequence[int]], Awaitable[set[int]]] | None = None,
        closed: Container[str] = frozenset(),
    ) -> None:
        """`erased` tells those of which the archive has only the digest left; of tenants that are `closed`
        nothing is given from memory.
        """
        self._closed = closed
        self._log = log
        self._erased = erased
        self._archived = archived
        """Look-up in the archive, on a thread of its own; `None` where this process has no archive."""
        self._held: dict[int, Entry] = {}
        self._order: deque[int] = deque()
        self._bytes = 0

    def hold(self, entries: Sequence[Entry]) -> None:
        """Keep what was just read; the oldest gives way."""
        for entry in entries:
            if entry.seq not in self._held:
                self._held[entry.seq] = entry
                self._order.append(entry.seq)
                self._bytes += _size(entry)
        while self._bytes > CACHE_BYTES:
            self._bytes -= _size(self._held.pop(self._order.popleft()))

    async def after(self, seq: int, count: int) -> list[Entry]:
        """Entries that follow `seq` without a hole; empty when the log holds none (a hole shows as an entry
        that is not `seq + 1`).
        """
        found: list[Entry] = []
        while len(found) < count and (entry := self._held.get(seq + 1 + len(found))) is not None:
            found.append(entry)
        if found:
            return found
        read = await self._log.read(seq, count)
        self.hold(read)
        return read

    async def of(self, seqs: Sequence[int]) -> list[Entry]:
        """The entries of `seqs`, in that order.

        Raises `MissingPayload`; `Stale` when some were erased, after ending the references to them.
        """
        # What is held now may have given way by the time the rest was fetched.
        found = {
            seq: entry
            for seq in seqs
            if (entry := self._held.get(seq)) is not None and entry.header.tenant not in self._closed
        }
        missing = [seq for seq in seqs if seq not in found]
        if missing:
            found |= await self._log.entries(sorted(missing))
            missing = [seq for seq in missing if seq not in found]
        if missing and self._archived is not None:
            found |= await self._archived(sorted(missing))
            missing = [seq for seq in missing if seq not in found]
        if missing:
            await self._end_erased(missing)
            raise MissingPayload(missing)
        return [found[seq] for seq in seqs]

    async def _end_erased(self, missing: Sequence[int]) -> None:
        """A reference that came while its event was being erased: from a replay, or a process that hung."""
        gone = await self._erased(sorted(missing)) if self._erased is not None else set()
        if not gone:
            return
        for row in await self._log.rows(now_ms=0):
            if row.queued or row.retrying or row.parked:
                await self._log.strike(row.name, gone.__contains__, "erased")
        raise Stale(f"{len(gone)} event(s) were erased: their references ended as dropped")


def _size(entry: Entry) -> int:
    return len(entry.body) + _OBJECTS_BYTES
