"""Search of the archive, single events, facets and histogram."""

from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator

from hub.api.callers import EVENTS, hidden_domains, own_query, own_tenant
from hub.api.fates import fates_of
from hub.api.filters import EventFilter, EventPage
from hub.api.services import Services, services_of
from hub.archive.base import Archive, Hit
from hub.model.event import Entry
from hub.model.ids import uid_from_text
from hub.web.errors import NotFound, ServiceUnavailable, ValidationFailed
from hub.web.route import Call, Reply, Route
from hub.web.times import duration_ms, iso

__all__ = ["ROUTES", "OcsfDocument"]

_MIN_INTERVAL_MS = 60_000
_NOT_ARCHIVED = "No event with this id is archived (yet, or any more)."


class OcsfDocument(BaseModel):
    """An OCSF 1.8 event; see schema.ocsf.io for the attributes of its class."""

    model_config = ConfigDict(extra="allow")

    class_uid: int
    time: int
    metadata: dict[str, Any]


class EventDetail(BaseModel):
    """One event, its payload as received, and what became of it."""

    id: str
    seq: int
    recorded: str
    event: OcsfDocument
    raw: str | None = Field(description="The vendor's payload as received.")
    fates: dict[str, str] = Field(
        description="Per connector: pending, retrying, parked: why, dropped: why, delivered or filtered."
        " Empty for those who do not run the hub."
    )


class FacetQuery(EventFilter):
    field: Literal[
        "tenant", "source", "class", "code", "severity", "disposition", "domain", "sender", "recipient"
    ]
    limit: int = Field(20, ge=1, le=1000)


class Facet(BaseModel):
    value: str
    count: int


class HistogramQuery(EventFilter):
    interval: str = Field("1h", max_length=20, description="Width of a bucket: 5m, 1h, 1d.")

    @field_validator("interval")
    @classmethod
    def _wide_enough(cls, text: str) -> str:
        if not _MIN_INTERVAL_MS <= duration_ms(text) <= 366 * 86_400_000:
            raise ValueError("is between 1m and 366d")
        return text


class Bucket(BaseModel):
    start: str
    start_ms: int
    count: int


async def search(call: Call[EventPage, None]) -> Reply:
    services = services_of(call.request)
    query = await own_query(call, limit=call.query.limit, cursor=call.query.cursor)
    archive = archive_of(services)
    try:
        page = await services.readers.run(archive.search, query)
    except ValueError as error:
        raise ValidationFailed.of("cursor" if query.cursor else "q", str(error)) from error
    return Reply(
        data=[orjson.Fragment(hit.body) for hit in page.hits],
        pagination={
            "next_cursor": page.cursor,
            "has_more": page.cursor is not None,
            "limit": query.limit,
        },
    )


async def show(call: Call[None, None]) -> Reply:
    services = services_of(call.request)
    tenant, hidden = own_tenant(call.principal), await hidden_domains(call)
    hit = await _find(services, call.path["id"])
    entry = await _entry(services, hit)
    event = orjson.loads(hit.body)
    if tenant not in (None, event["metadata"].get("tenant_uid")) or entry.header.domain.lower() in hidden:
        raise NotFound(_NOT_ARCHIVED)
    raw = event.get("raw_data")
    return Reply(
        data={
            "id": hit.uid,
            "seq": hit.seq,
            "recorded": iso(hit.recorded_ms),
            "event": orjson.Fragment(hit.body),
            "raw": raw if isinstance(raw, str) or raw is None else orjson.dumps(raw).decode(),
            "fates": await fates_of(services.log, entry) if tenant is None else {},
        }
    )


async def facets(call: Call[FacetQuery, None]) -> Reply:
    services = services_of(call.request)
    query = await own_query(call)
    counted = await services.readers.run(
        archive_of(services).facets, query, call.query.field, call.query.limit
    )
    return Reply(data=[{"value": str(value), "count": count} for value, count in counted])


async def histogram(call: Call[HistogramQuery, None]) -> Reply:
    services = services_of(call.request)
    interval_ms = duration_ms(call.query.interval)
    query = await own_query(call)
    buckets = await services.readers.run(archive_of(services).histogram, query, interval_ms)
    return Reply(data=[{"start": iso(start), "start_ms": start, "count": count} for start, count in buckets])


def archive_of(services: Services) -> Archive:
    """Raises `ServiceUnavailable` when this process has none."""
    if services.archive is None:
        raise ServiceUnavailable("No archive is configured here, so events cannot be searched.")
    return services.archive


async def _find(services: Services, text: str) -> Hit:
    try:
        uid_from_text(text)
    except ValueError:
        raise NotFound("An event's id is 32 hexadecimal digits.") from None
    hit = await services.readers.run(archive_of(services).get, text.lower())
    if hit is None:
        raise NotFound(_NOT_ARCHIVED)
    return hit


async def _entry(services: Services, hit: Hit) -> Entry:
    held = await services.log.entries([hit.seq])
    if hit.seq not in held:
        held = await services.readers.run(archive_of(services).entries, hit.partition, [hit.seq])
    if hit.seq not in held:
        raise NotFound("The event went by retention while it was looked up.")
    return held[hit.seq]


ROUTES = (
    Route(
        "GET",
        "/api/v1/events",
        search,
        scope=EVENTS,
        summary="Search events, newest first",
        query=EventPage,
        response=list[OcsfDocument],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "GET",
        "/api/v1/events/facets",
        facets,
        scope=EVENTS,
        summary="Most frequent values of a field among the events that match",
        query=FacetQuery,
        response=list[Facet],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "GET",
        "/api/v1/events/histogram",
        histogram,
        scope=EVENTS,
        summary="How many events match in each stretch of time; empty ones are left out",
        query=HistogramQuery,
        response=list[Bucket],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "GET",
        "/api/v1/events/{id}",
        show,
        scope=EVENTS,
        summary="One event with its raw payload and its fate at every connector",
        response=EventDetail,
        errors=(NotFound, ServiceUnavailable),
    ),
)
