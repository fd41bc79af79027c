"""`/events` and `/outbox`: what happened."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import feed
from core.store.clock import iso_millis
from hub.web.errors import CursorExpired
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "EventView"]


class EventsQuery(Paging):
    """All given conditions must hold; bounds are inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    event: list[Word] = Field(default_factory=list, max_length=100, description="Names of events.")
    domain: Domain | None = None
    since: Moment = Field(None, description="Happened at this ISO 8601 time or later.")
    until: Moment = Field(None, description="Happened at this ISO 8601 time or earlier.")


class EventView(BaseModel):
    """As a webhook of the standard form brings it."""

    id: str
    event: str
    type: str = Field(description="The same as `event`.")
    timestamp: str
    tenant: str
    node_id: str
    data: dict[str, Any]

    @classmethod
    def of(cls, happening: feed.Happening) -> "EventView":
        return cls(
            id=happening.id,
            event=happening.name,
            type=happening.name,
            timestamp=iso_millis(happening.at_ms),
            tenant=happening.tenant,
            node_id=happening.node_id,
            data=dict(happening.data),
        )


async def events(call: Call[EventsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    narrowed = feed.Filter(
        names=tuple(query.event), domain=query.domain, since_ms=query.since, until_ms=query.until
    )
    async with core.database.read() as tx:
        page = await feed.listed(core, tx, by, narrowed, limit=query.limit, cursor=query.cursor)
    return paged(page, EventView.of)


async def outbox(call: Call[Paging, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await feed.read(core, tx, by, limit=query.limit, cursor=query.cursor)
    pagination = {"next_cursor": found.cursor, "has_more": found.has_more, "limit": query.limit}
    return Reply(data=[EventView.of(one) for one in found.events], pagination=pagination)


ROUTES = (
    Route(
        "GET",
        "/api/v1/events",
        events,
        summary="What happened, the newest first",
        query=EventsQuery,
        response=list[EventView],
        scope=feed.SCOPE,
        errors=(CursorExpired,),
    ),
    Route(
        "GET",
        "/api/v1/outbox",
        outbox,
        summary="What happened, oldest first and without end: there is always a next_cursor",
        query=Paging,
        response=list[EventView],
        scope=feed.SCOPE,
        errors=(CursorExpired,),
    ),
)
