"""Replay and backfill: any time range, any query, to any connector."""

from pydantic import BaseModel, Field

from hub.api.filters import EventFilter, Word
from hub.api.services import Job, services_of
from hub.web.errors import NotFound, ServiceUnavailable
from hub.web.route import Call, Reply, Route
from hub.web.times import iso

__all__ = ["ROUTES", "ReplayJob"]


class ReplayRequest(EventFilter):
    """The filters of the event search, and where the events go."""

    connector: Word = Field(min_length=1)
    dry_run: bool = Field(False, description="Only count what would be sent.")


class ReplayJob(BaseModel):
    id: str
    connector: str
    state: str = Field(description="running, sending, done, cancelled or dry-run")
    matched: int
    pushed: int
    delivered: int
    parked: int
    created: str


async def start(call: Call[None, ReplayRequest]) -> Reply:
    replays = services_of(call.request).replays
    try:
        job = await replays.start(call.body.connector, call.body.to_query(), dry_run=call.body.dry_run)
    except LookupError as error:
        raise NotFound(f"There is no connector {call.body.connector!r}.") from error
    return Reply(data=_shown(job), status=200 if call.body.dry_run else 201)


async def list_(call: Call[None, None]) -> Reply:
    return Reply(data=[_shown(job) for job in await services_of(call.request).replays.list()])


async def show(call: Call[None, None]) -> Reply:
    job = await services_of(call.request).replays.get(call.path["id"])
    return Reply(data=_shown(_there(job)))


async def cancel(call: Call[None, None]) -> Reply:
    job = await services_of(call.request).replays.cancel(call.path["id"])
    return Reply(data=_shown(_there(job)), message="Cancelled: what was waiting ended as dropped (operator).")


def _there(job: Job | None) -> Job:
    if job is None:
        raise NotFound("There is no replay with this id.")
    return job


def _shown(job: Job) -> ReplayJob:
    return ReplayJob(
        id=job.id,
        connector=job.connector,
        state=job.state,
        matched=job.matched,
        pushed=job.pushed,
        delivered=job.delivered,
        parked=job.parked,
        created=iso(job.created_ms),
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/replays",
        list_,
        summary="Replays, oldest first",
        response=list[ReplayJob],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "POST",
        "/api/v1/replays",
        start,
        summary="Send archived events to a connector again (a dry run only counts and answers 200)",
        body=ReplayRequest,
        response=ReplayJob,
        status=201,
        creates=True,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "GET",
        "/api/v1/replays/{id}",
        show,
        summary="How far a replay is",
        response=ReplayJob,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "POST",
        "/api/v1/replays/{id}/cancel",
        cancel,
        summary="Push no more; what waits ends as dropped (operator)",
        response=ReplayJob,
        errors=(NotFound, ServiceUnavailable),
    ),
)
