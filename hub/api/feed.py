"""The feed: every event once, oldest first, without an end, for a SIEM that pulls."""

import asyncio

import orjson
from pydantic import Field

from hub.api.callers import EVENTS, own_query
from hub.api.events import OcsfDocument, archive_of
from hub.api.filters import EventFilter, Limit
from hub.api.services import Services, services_of
from hub.archive.base import Archive
from hub.archive.query import Query
from hub.web.errors import CursorExpired, ServiceUnavailable, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_PAUSE_S = 0.1


class FeedQuery(EventFilter):
    after: int | None = Field(
        None, ge=0, le=2**53, description="`meta.pagination.next_cursor` of the page before; left out = all."
    )
    tail: int | None = Field(
        None, ge=0, le=2**53, description="Begin so many records before the end, instead of `after`."
    )
    limit: Limit = 100
    wait: int = Field(0, ge=0, le=30, description="Seconds to wait for events when there are none yet.")


async def feed(call: Call[FeedQuery, None]) -> Reply:
    services = services_of(call.request)
    archive = archive_of(services)
    after = await _begin(services, archive, call.query)
    query = await own_query(call, limit=call.query.limit, after_seq=after)
    ends_at = asyncio.get_running_loop().time() + call.query.wait
    while True:
        bodies, reached = await _page(services, archive, query)
        if bodies or asyncio.get_running_loop().time() >= ends_at:
            break
        await asyncio.sleep(_PAUSE_S)
    more = len(bodies) == query.limit
    return Reply(
        data=bodies, pagination={"next_cursor": str(reached), "has_more": more, "limit": query.limit}
    )


async def _begin(services: Services, archive: Archive, query: FeedQuery) -> int:
    if query.tail is not None:
        if query.after is not None:
            raise ValidationFailed.of("tail", "excludes `after`")
        return max(0, await services.readers.run(archive.offset, services.log.partition) - query.tail)
    await _still_there(services, archive, query.after or 0)
    return query.after or 0


async def _still_there(services: Services, archive: Archive, after: int) -> None:
    """A reader that fell behind retention must hear of it, not be moved on in silence."""
    oldest = await services.readers.run(archive.oldest_seq, services.log.partition)
    if 0 < after < oldest - 1:
        raise CursorExpired(
            f"Events {after + 1} to {oldest - 1} are gone by retention. Go on with after={oldest - 1}.",
            details=[{"message": "gone by retention", "from_seq": after + 1, "to_seq": oldest - 1}],
        )


async def _page(services: Services, archive: Archive, query: Query) -> tuple[list[orjson.Fragment], int]:
    # The offset is read first: whatever it covers has then surely been searched, so the cursor may pass it.
    searched = await services.readers.run(archive.offset, services.log.partition)
    page = await services.readers.run(archive.search, query)
    bodies = [orjson.Fragment(hit.body) for hit in page.hits]
    last = page.hits[-1].seq if page.hits else query.after_seq or 0
    return bodies, last if len(bodies) == query.limit else max(last, searched)


ROUTES = (
    Route(
        "GET",
        "/api/v1/feed",
        feed,
        scope=EVENTS,
        summary="Events in the order they were recorded, oldest first, without an end",
        query=FeedQuery,
        response=list[OcsfDocument],
        errors=(CursorExpired, ServiceUnavailable),
    ),
)
