"""A tenant's events: as a list, the newest first, and as a feed, oldest first and without end."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.cursor import Place, fingerprint
from core.paging.keyset import Asked, Keyset, Page
from core.paging.keyset import page as page_of
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.store import feed
from core.store.feed import Happening
from core.store.tables import outbox_events
from hub.web.errors import CursorExpired

__all__ = ["Feed", "Filter", "Happening", "listed", "read"]

SCOPE = visible.EVENTS
_BY: Final = Keyset(outbox_events.c.seq, outbox_events.c.id)
"""Numbers are in the order of time, and have an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list is narrowed to; times are inclusive."""

    names: tuple[str, ...] = ()
    domain: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        event = outbox_events.c
        table: tuple[tuple[Any, Callable[[Any], ColumnElement[bool]]], ...] = (
            (self.names or None, event.name.in_),
            (self.domain, event.domain.__eq__),
            (self.since_ms, event.at_ms.__ge__),
            (self.until_ms, event.at_ms.__le__),
        )
        return [compare(value) for value, compare in table if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """`cursor` stands behind the last event: there is always one, and it stays good while events are kept."""

    events: Sequence[Happening]
    cursor: str
    has_more: bool


async def listed(
    core: Core,
    tx: AsyncConnection,
    by: By,
    asked: Filter,
    *,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Happening]:
    """The newest first; only what the caller may see. Raises `ValidationFailed`, `CursorExpired`."""
    query = visible.events(feed.named(by.tenant), by)
    paged = Asked(scope=f"events:{by.tenant}", filters=asdict(asked), limit=limit, cursor=cursor)
    found = await page_of(tx, query.where(*asked.conditions()), _BY, core.cursors, paged)
    return found.of(lambda row: Happening(**row))


async def read(
    core: Core, tx: AsyncConnection, by: By, *, cursor: str | None = None, limit: int = 100
) -> Feed:
    """What happened behind the cursor, or from the oldest event that is kept.

    Only what the caller may see: of their tenant, and of their domains. Raises `ValidationFailed` for a
    cursor that is none, or of another feed; `CursorExpired` when events behind it are not kept any more.
    """
    own = fingerprint(f"feed:{by.tenant}", {})
    after = await feed.oldest(tx) - 1
    if cursor is not None:
        place = core.cursors.read(cursor, own).time_ms
        if place < after:
            raise CursorExpired("events behind this cursor are not kept any more: begin again without one")
        after = place
    query = visible.events(feed.named(by.tenant), by)
    wanted = query.where(outbox_events.c.seq > after).order_by(outbox_events.c.seq).limit(limit + 1)
    found = list(await tx.execute(wanted))
    events = [feed.happening(row) for row in found[:limit]]
    has_more = len(found) > limit
    last = events[-1].seq if has_more else await feed.top(tx)
    return Feed(
        events=events, cursor=core.cursors.write(Place(last, ""), own, core.clock()), has_more=has_more
    )
