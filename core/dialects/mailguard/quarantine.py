"""`/mail/quarantine`: list, read, release, discard, retrain; cluster-wide, by node and queue id."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.quarantine import UNRENDERED
from core.api.services import asked
from core.dialects.mailguard.cluster import told
from core.service import quarantine as service
from core.service.by import By
from core.service.core import Core
from core.service.quarantine import Held
from hub.web.errors import Conflict, NotFound, ServiceUnavailable, UpstreamFailed
from hub.web.route import Bare, Call, Reply, Route

__all__ = ["MESSAGE", "ROUTES", "HeldView"]

Reason = Literal["spam", "phishing", "sandbox", "rbl"]
MESSAGE = "text/rfc822"
_MOST_OFFSET = 2**31 - 1


class ListQuery(BaseModel):
    """All given conditions must hold."""

    model_config = ConfigDict(extra="ignore")

    limit: int = Field(100, ge=1, le=1000)
    offset: int = Field(0, ge=0, le=_MOST_OFFSET)
    domain: Domain | None = None
    sender: Word | None = Field(None, description="An address or a domain.")
    since: Moment = Field(None, description="ISO 8601; arrived then or later.")
    min_score: float | None = Field(None, allow_inf_nan=False)
    max_score: float | None = Field(None, allow_inf_nan=False)
    reason: Reason | None = None

    def narrow(self) -> service.Filter:
        same = ("domain", "sender", "min_score", "max_score", "reason")
        return service.Filter(since_ms=self.since, **{name: getattr(self, name) for name in same})


class LabelBody(BaseModel):
    klass: Literal["ham", "spam"] = Field(alias="class", description="What the message really is.")


class HeldView(BaseModel):
    """A held message."""

    node_id: str
    queue_id: str
    sender: str
    recipients: list[str]
    subject: str
    score: float = Field(description="Unbounded.")
    symbols: list[str]
    reason: Reason
    size_bytes: int
    arrived_at: str
    domain: str
    message_id: str
    client_ip: str


class LabelledView(HeldView):
    """The message, and what it was said to be."""

    klass: Literal["ham", "spam"] = Field(alias="class")


async def listing(call: Call[ListQuery, None]) -> Reply:
    """Newest first."""
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await service.skipping(tx, by, query.narrow(), limit=query.limit, offset=query.offset)
        message = await told(tx, by)
    return Reply(data=[held.as_dict() for held in found], message=message)


async def body(call: Call[None, None]) -> Bare:
    """The message as received."""
    core, by = asked(call)
    found, raw = await service.raw(core, by, await _lying(call, core, by, service.READ))
    headers = {**UNRENDERED, "Content-Disposition": f'attachment; filename="{found.queue_id}.eml"'}
    return Bare(body=raw, media_type=MESSAGE, headers=headers)


async def release(call: Call[None, None]) -> Reply:
    """Deliver the message."""
    held = await _settled(call, service.release)
    return Reply(data=held.as_dict(), message="Released")


async def discard(call: Call[None, None]) -> Reply:
    """Delete the message for good."""
    held = await _settled(call, service.discard)
    return Reply(data=held.as_dict(), message="Discarded")


async def retrain(call: Call[None, LabelBody]) -> Reply:
    """Label the message as ham or spam; it stays held."""
    klass = call.body.klass
    held = await _settled(call, partial(service.retrain, klass=klass))
    return Reply(data={**held.as_dict(), "class": klass}, message="Trained")


async def _settled(call: Call[Any, Any], deed: Callable[[Core, By, str], Awaitable[Held]]) -> Held:
    """What was settled a moment ago lies there no more: 404, as for anybody who comes later."""
    core, by = asked(call)
    item_id = await _lying(call, core, by, service.ACT)
    try:
        return await deed(core, by, item_id)
    except Conflict as error:
        raise NotFound(error.message) from error


async def _lying(call: Call[Any, Any], core: Core, by: By, scope: str) -> str:
    """The id of the message in the place that the path names."""
    async with core.database.read() as tx:
        return (await service.placed(tx, by, call.path["node_id"], call.path["queue_id"], scope)).id


_ALL = "/api/v1/mail/quarantine"
_ONE = f"{_ALL}/{{node_id}}/{{queue_id}}"
_AWAY = (NotFound, ServiceUnavailable)
_TROUBLE = (*_AWAY, UpstreamFailed)

ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Held messages of the whole cluster, newest first",
        query=ListQuery,
        response=list[HeldView],
        scope=service.READ,
    ),
    Route(
        "GET",
        f"{_ONE}/body",
        body,
        summary="The message as it was received",
        scope=service.READ,
        errors=_AWAY,
        media_types=(MESSAGE,),
    ),
    Route(
        "POST",
        f"{_ONE}/release",
        release,
        summary="Deliver a held message",
        response=HeldView,
        scope=service.ACT,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        f"{_ONE}/discard",
        discard,
        summary="Delete a held message for good",
        response=HeldView,
        scope=service.ACT,
        errors=_AWAY,
    ),
    Route(
        "POST",
        f"{_ONE}/retrain",
        retrain,
        summary="Label a held message as ham or spam",
        body=LabelBody,
        response=LabelledView,
        scope=service.ACT,
        errors=_AWAY,
    ),
)
