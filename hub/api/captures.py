"""Captures: a source's refused requests, kept for a while, so that `mxhub verify` can say why."""

import re

from pydantic import BaseModel, ConfigDict, Field

from hub.api.filters import Word
from hub.api.services import Capture, services_of
from hub.web.errors import NotFound, ServiceUnavailable
from hub.web.route import Bare, Call, Reply, Route
from hub.web.times import iso

__all__ = ["ROUTES", "CaptureItem"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}", re.ASCII)


class CaptureRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source: Word = Field(min_length=1)
    minutes: int = Field(10, ge=1, le=1440)


class CaptureItem(BaseModel):
    id: str
    source: str
    until: str
    requests: int = Field(description="Refused requests kept so far.")
    bytes: int


async def start(call: Call[None, CaptureRequest]) -> Reply:
    services = services_of(call.request)
    if call.body.source not in services.settings.sources:
        raise NotFound(f"There is no source {call.body.source!r}.")
    return Reply(data=_shown(await services.captures.start(call.body.source, call.body.minutes)))


async def list_(call: Call[None, None]) -> Reply:
    return Reply(data=[_shown(one) for one in await services_of(call.request).captures.list()])


async def show(call: Call[None, None]) -> Reply:
    for one in await services_of(call.request).captures.list():
        if one.id == call.path["id"]:
            return Reply(data=_shown(one))
    raise NotFound("There is no capture with this id.")


async def fetch(call: Call[None, None]) -> Bare:
    lines = None
    if _ID.fullmatch(call.path["id"]):
        lines = await services_of(call.request).captures.read(call.path["id"])
    if lines is None:
        raise NotFound("There is no capture with this id.")
    return Bare(body=lines, media_type="application/x-ndjson")


def _shown(one: Capture) -> CaptureItem:
    return CaptureItem(
        id=one.id, source=one.source, until=iso(one.until_ms), requests=one.requests, bytes=one.bytes
    )


ROUTES = (
    Route(
        "GET",
        "/api/v1/captures",
        list_,
        summary="Captures that are still held",
        response=list[CaptureItem],
        errors=(ServiceUnavailable,),
    ),
    Route(
        "POST",
        "/api/v1/captures",
        start,
        summary="Keep a source's refused requests for some minutes",
        body=CaptureRequest,
        response=CaptureItem,
        status=201,
        creates=True,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "GET",
        "/api/v1/captures/{id}",
        show,
        summary="How much a capture holds",
        response=CaptureItem,
        errors=(NotFound, ServiceUnavailable),
    ),
    Route(
        "GET",
        "/api/v1/captures/{id}/requests",
        fetch,
        summary="The captured requests, one JSON object a line, for `mxhub verify`",
        media_types=("application/x-ndjson",),
        errors=(NotFound, ServiceUnavailable),
    ),
)
