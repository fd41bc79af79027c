"""From the outbox into the log: every event, once, in order; and who wants which.

A look at the database gives the events and who is to be served in one snapshot. The table of routes is
published before the events are recorded, and only when all that was recorded before has been routed: so an
endpoint gets what happened since it was made, and nothing from before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Any, Protocol

import orjson
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from core.outward.letter import body_of, header_of, uid_of
from core.outward.mark import Mark
from core.store import feed
from core.store.clock import Clock
from core.store.database import Database
from core.store.feed import Happening
from hub.delivery import CursorMove, Engine, Served, Stale, chunks
from hub.model.event import Entry, Event

__all__ = ["Kind", "Relay", "Row"]

STREAM = "outbox"
_BATCH = 500
_LEASE, _LEASE_MS = "@relay", 10_000
"""One process relays: another one's older look must not take an endpoint out of the table again."""
_logger = structlog.get_logger("core.outward")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Somebody to be served. `stamp` differs whenever `make` would make something else.

    `rules` say which events it wants (`hub.pipeline.match`); every event up to `position` is settled.
    """

    name: str
    rules: Sequence[Mapping[str, Sequence[Any]]]
    stamp: tuple[Any, ...]
    position: int
    make: Callable[[], Served]


class Kind(Protocol):
    """A kind of rows."""

    async def rows(self, tx: AsyncConnection, /) -> Sequence[Row]:
        """Those to be served now."""
        ...


class Relay:
    """One process of it; any number may run, the cursor lets one win."""

    def __init__(self, database: Database, kinds: Sequence[Kind], *, clock: Clock) -> None:
        self._database = database
        self._kinds = kinds
        self._clock = clock
        self._token = token_hex(8)
        self._mark: Mark | None = None
        self._checked = False
        self.rows: dict[str, Row] = {}
        """Who is served, as of the last look."""

    @property
    def mark(self) -> Mark | None:
        """Where it stands, as of the last look."""
        return self._mark

    async def is_current(self, engine: Engine, mark: Mark) -> bool:
        """Whether the log still lives the mark's life: asked after its numbers were read, they are of it."""
        text = await engine.log.cursor(STREAM)
        return text is not None and Mark.parse(text).epoch == mark.epoch

    async def leave(self, engine: Engine) -> None:
        """Let the next process relay at once."""
        await engine.log.release(_LEASE, self._token)

    def serve(self, name: str) -> Served | None:
        """For the engine."""
        row = self.rows.get(name)
        return None if row is None else row.make()

    async def stored(self, seqs: Sequence[int]) -> Mapping[int, Entry]:
        """For the engine: events that its log has forgotten."""
        mark = self._mark
        if mark is None:
            return {}
        async with self._database.read() as tx:
            found = await feed.having(tx, [seq + mark.base for seq in seqs])
        return {seq - mark.base: _entry(each, seq - mark.base, mark.epoch) for seq, each in found.items()}

    async def turn(self, engine: Engine) -> int:
        """Look once. Returns how many events were recorded. Raises `StoreError`, `Unavailable`."""
        text = await engine.log.cursor(STREAM)
        mark = None if text is None else Mark.parse(text)
        async with self._database.read() as tx:
            rows = {row.name: row for kind in self._kinds for row in await kind.rows(tx)}
            is_sound = mark is not None and await self._sound(tx, mark)
            events = await feed.after(tx, mark.seq, _BATCH) if mark is not None and is_sound else []
        if not await engine.log.acquire(_LEASE, self._token, _LEASE_MS):
            self._mark = mark
            await self._serve(engine, rows)
            return 0
        if (
            await engine.log.cursor(STREAM) != text
        ):  # moved while we looked: rows and place must be of one time
            return 1
        if mark is None or not is_sound or (events and events[0].seq != mark.seq + 1):
            await self._begin(engine, text, list(rows.values()))
            return 1
        self._mark = mark
        await self._serve(engine, rows)
        if not await self._agree(engine, rows, mark):
            return 0
        late = [row.position for row in rows.values() if row.position > mark.seq]
        wanted = [event for event in events if event.seq <= min(late)] if late else events
        done = await self._record(engine, mark, text or "", wanted)
        await engine.log.trim(self._mark.seq - self._mark.base)
        return done

    async def _sound(self, tx: AsyncConnection, mark: Mark) -> bool:
        """Whether the database and the log are of the same time: neither is an older copy."""
        if mark.seq > await feed.top(tx):
            return False
        if not self._checked and mark.id:
            self._checked = await feed.id_at(tx, mark.seq) == mark.id
            return self._checked
        return True

    async def _begin(self, engine: Engine, text: str | None, rows: Sequence[Row]) -> None:
        """A new life of the log: from the lowest place that anybody is known to have reached."""
        for row in await engine.owed():
            await engine.forget(row.name)
        await engine.log.publish("{}", [], now_ms=self._clock())
        async with self._database.read() as tx:
            top = await feed.top(tx)
            seq = max(min([top, *(row.position for row in rows)]), await feed.oldest(tx) - 1)
            event_id = await feed.id_at(tx, seq) or ""
        head = await engine.log.head()
        mark = Mark.new(seq, event_id, head.seq)
        _logger.info("core.outward.began", epoch=mark.epoch, after=seq, events=top - seq)
        await engine.log.record([], CursorMove(STREAM, text, mark.text()), now_ms=self._clock())
        self._checked, self._mark = True, mark

    async def _serve(self, engine: Engine, rows: Mapping[str, Row]) -> None:
        """Take over what changed since the last look."""
        before, self.rows = self.rows, dict(rows)
        for name, row in rows.items():
            if name not in before or before[name].stamp != row.stamp:
                await engine.reopen(name)
        for name in before.keys() - rows.keys():
            await engine.lanes.close(name)

    async def _agree(self, engine: Engine, rows: Mapping[str, Row], mark: Mark) -> bool:
        """Make the log's table of routes ours, without those whose time has not come.

        False while what was recorded under another table is not routed.
        """
        wanted = {name: list(row.rules) for name, row in sorted(rows.items()) if row.position <= mark.seq}
        table = orjson.dumps(wanted).decode()
        if table != (await engine.log.table())[1]:
            head = await engine.log.head()
            if head.routed < head.seq:
                engine.recorded()
                return False
            await engine.log.publish(table, sorted(wanted), now_ms=self._clock())
        return True

    async def _record(self, engine: Engine, mark: Mark, text: str, events: Sequence[Happening]) -> int:
        made = [
            Event(uid_of(mark.epoch, each), header_of(each, self._clock()), body_of(each)) for each in events
        ]
        done = 0
        for piece in chunks(made):
            last = events[done + len(piece) - 1]
            moved = replace(mark, seq=last.seq, id=last.id)
            try:
                move = CursorMove(STREAM, text, moved.text())
                await engine.log.record(piece, move, now_ms=self._clock())
            except Stale:  # another process was faster
                return 1
            mark, text = moved, moved.text()
            self._mark = moved
            done += len(piece)
            engine.recorded()
        return done


def _entry(event: Happening, seq: int, epoch: str) -> Entry:
    return Entry(seq, uid_of(epoch, event), header_of(event, event.at_ms), body_of(event))
