"""What the rest of the hub may ask of the log: a dozen verbs, so that another log can stand behind.

`seq` numbers are dense per partition; a *reference* is a `seq` in a connector's queue. Every verb that
changes something validates everything first and then writes in one atomic step. Re-sending one after a lost
reply is safe.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from hub.model.event import Entry, Event
from hub.store.data import (
    Book,
    ConnectorRow,
    CursorMove,
    Digest,
    Fate,
    Head,
    Lease,
    ParkedRow,
    Peeked,
    Recorded,
    RetryRef,
    Tally,
)
from hub.store.refusals import Full, RolledBack, Stale, StoreError, Unavailable

__all__ = [
    "UNTOLD",
    "Book",
    "ConnectorRow",
    "CursorMove",
    "Digest",
    "Fate",
    "Full",
    "Head",
    "Lease",
    "Log",
    "ParkedRow",
    "Peeked",
    "Recorded",
    "RetryRef",
    "RolledBack",
    "Stale",
    "StoreError",
    "Tally",
    "Unavailable",
]


UNTOLD: Final = 2**50
"""As `tell_after_ms`: never (ms; beyond any wait)."""


class Log(Protocol):
    """One partition."""

    partition: int

    def check(self) -> None:
        """Raises `RolledBack` once this process saw events that the log lost. Costs nothing."""
        ...

    async def accept(self) -> str:
        """Go on with a log that was rolled back; the caller made sure that the archive agrees with it.

        Returns what was lost, in words, if anything. Processes that saw it stay refused.
        """
        ...

    # -- recording -----------------------------------------------------------------------------------------
    async def record(
        self, events: Sequence[Event], move: CursorMove | None = None, *, now_ms: int
    ) -> Recorded:
        """Append what is new and move the cursor, in one durable step.

        At most 200 events and 1 MiB of bodies (a single larger event is taken alone). An empty `events` with
        a `move` just moves the cursor.

        Raises `ValueError` (limits), `Full`, `Stale` (cursor), `RolledBack`, `Unavailable`.
        """
        ...

    async def cursor(self, stream: str) -> str | None: ...

    async def cursors(self) -> Mapping[str, str]: ...

    # -- reading -------------------------------------------------------------------------------------------
    async def head(self) -> Head: ...

    async def read(self, after: int, count: int) -> list[Entry]:
        """Entries with seq > `after`, oldest first. A hole (trimmed, forced out) is for the caller to see."""
        ...

    async def entries(self, seqs: Sequence[int]) -> dict[int, Entry]:
        """Those of `seqs` (ascending) that the log still holds."""
        ...

    # -- routing -------------------------------------------------------------------------------------------
    async def table(self) -> tuple[int, str]:
        """`(gen, routes as text)` in one read."""
        ...

    async def publish(self, routes: str, connectors: Sequence[str], *, now_ms: int) -> int:
        """Store a new route table (raises `gen` if the text differs); connectors without a row get one.

        A new row starts at routed. Connectors that are not named keep their queue and are shown as orphaned;
        `forget` removes them. Returns `gen`.
        """
        ...

    async def tables(self) -> list[tuple[int, int, str]]:
        """`(gen, first seq routed under it, routes)`, oldest first, for the fate of single events."""
        ...

    async def route(self, frm: int, to: int, gen: int, refs: Mapping[str, Sequence[int]]) -> None:
        """Append references (ascending, all in (frm, to]) and move `routed` from `frm` to `to`.

        Raises `Stale` unless `routed == frm` and `gen` is the current one; `ValueError` above 2,000 of them;
        `RolledBack`.
        """
        ...

    # -- connectors ----------------------------------------------------------------------------------------
    async def add(self, name: str, *, now_ms: int) -> None:
        """A row with start = routed; nothing when it exists."""
        ...

    async def forget(self, name: str) -> None: ...

    async def rename(self, old: str, new: str) -> None: ...

    async def ready(self, now_ms: int, limit: int = 100) -> list[str]:
        """Connectors with something to do now: a queue, a due retry or a due probe; paused ones never."""
        ...

    async def acquire(self, name: str, token: str, ms: int) -> bool:
        """Take or extend the lease `name` (a connector's, the router's, the archive's)."""
        ...

    async def release(self, name: str, token: str) -> None: ...

    async def peek(self, name: str, n: int, *, now_ms: int, counts: bool = True) -> Peeked:
        """The first `n` references of the queue.

        Counts the look against the head: after three looks without an outcome the head comes alone, after six
        it is parked by this very call. Without `counts`, for one who is not about to send yet, it is not.
        """
        ...

    async def settle(
        self,
        name: str,
        refs: Sequence[int],
        fates: Sequence[Fate],
        uids: Sequence[str],
        *,
        now_ms: int,
        tallies: Sequence[Tally] = (),
    ) -> None:
        """Give the first `len(refs)` references of the queue their fates, and count in the same step those
        that the connector is told of by their number only.

        Raises `Stale` unless exactly `refs` stand at the head, `ValueError` unless each has one fate and uid.
        """
        ...

    async def due(self, name: str, n: int, *, now_ms: int, counts: bool = True) -> list[RetryRef]:
        """Up to `n` retries that are due on the connector's clock; guards against killer events as `peek`."""
        ...

    async def retried(
        self,
        name: str,
        settled: Sequence[tuple[RetryRef, Fate, str]],
        *,
        now_ms: int,
        tallies: Mapping[int, Tally] | None = None,
    ) -> int:
        """Give retries their next fate `(ref, fate, uid)`; each counts only while exactly that is there, and
        so does its tally (by seq, of one event).

        Returns how many counted.
        """
        ...

    async def seal(self, name: str, *, now_ms: int) -> Digest | None:
        """The digest to send now, if any: the one on its way, else one made of what is due.

        It is the same, word by word, until `digested` ends it; what is counted later goes into the next one.
        """
        ...

    async def digested(self, name: str, number: int, fate: Fate, *, now_ms: int) -> bool:
        """What became of the digest: delivered, dropped (refused: its events count as untold) or retry.

        False, and nothing changed, unless it is the one on its way.
        """
        ...

    async def block(
        self, name: str, reason: str, probe_at_ms: int, *, now_ms: int, tell_after_ms: int = 0
    ) -> bool:
        """The destination is down: stop its clock (from the first block on) and set the next probe.

        True when it is to be told of now: once a block, as soon as it is sure to last for `tell_after_ms`,
        its next probe being that far from its beginning. `UNTOLD`: this call tells nobody.
        """
        ...

    async def unblock(self, name: str, *, now_ms: int) -> bool:
        """It works again: its clock goes on. True when it was blocked and that was told of. Clears the killer
        count.
        """
        ...

    async def pause(self, name: str, *, now_ms: int) -> None: ...

    async def resume(self, name: str, *, now_ms: int) -> None:
        """Ends a pause and a block (the next send is the probe)."""
        ...

    async def parked(self, name: str | None = None, *, limit: int = 1000) -> list[ParkedRow]: ...

    async def unpark(self, name: str, seqs: Sequence[int], *, now_ms: int) -> int:
        """Back into the retry set, due now, with a fresh count, marked as `unparked`. Returns how many were
        there.
        """
        ...

    async def drop(self, name: str, seqs: Sequence[int], reason: str) -> int:
        """Parked references end as dropped. Returns how many were there."""
        ...

    async def expire(self, name: str, upto: int, reason: str, *, limit: int = 1000) -> int:
        """References (queue, retry, parked) up to seq `upto`, at most `limit` a call, end as dropped.

        Their payload is gone by retention or erasure. Returns how many.
        """
        ...

    async def strike(self, name: str, wanted: Callable[[int], bool], reason: str) -> int:
        """References to events whose seq is `wanted` end as dropped: queued, in retry, parked.

        A sender that holds some of them finds its answer `Stale`. Returns how many.
        """
        ...

    async def untell(self, name: str, tenant: str) -> int:
        """Digests and storms of one tenant's events are not told of any more. Returns how many events."""
        ...

    async def forget_cursors(self, source: str) -> int:
        """Where all streams of a source stand. Returns how many there were."""
        ...

    async def push(self, name: str, refs: Sequence[int], *, now_ms: int, makes: bool = True) -> None:
        """Append references (ascending, at most 2,000) to a replay's row `connector@job`; makes the row.

        Its recorded = matched, its filtered = 0. References up to the highest pushed so far are skipped.
        Raises `Stale` when there is no such row and it is not to be made: it may have another name by now.
        """
        ...

    async def last_pushed(self, name: str) -> int:
        """Highest reference ever pushed to a replay's row, 0 for none: where a killed job goes on."""
        ...

    async def clock_ms(self, name: str, *, now_ms: int) -> int:
        """The connector's own clock: it stood still while the destination was blocked."""
        ...

    async def books(self) -> list[Book]:
        """Every row's books, counted from the stored sets in one read."""
        ...

    async def rows(self, *, now_ms: int, name: str | None = None) -> list[ConnectorRow]:
        """Every row, or only that named one, by name."""
        ...

    async def fates(self, seq: int) -> dict[str, str]:
        """`{connector: "pending" | "retrying" | "parked: why" | "dropped: why" | "delivered or filtered"}`.

        Which of the last two, the route table of that seq's gen tells: delivered where it matches.
        """
        ...

    # -- trimming ------------------------------------------------------------------------------------------
    async def trim(self, to: int) -> int:
        """Forget entries up to the lesser of `to` (the archive's durable, searchable offset) and `routed`.

        Returns the new trim. Raises `RolledBack`, also when the archive has more than the log.
        """
        ...
