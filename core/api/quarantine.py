"""`/quarantine`: held mail, and what is done to it."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.services import asked, paged
from core.paging.query import Paging
from core.service import quarantine, quarantine_batch
from core.store.clock import iso_millis
from hub.web.errors import Conflict, CursorExpired, NotFound, ServiceUnavailable, UpstreamFailed
from hub.web.route import Bare, Call, Reply, Route

__all__ = ["ROUTES", "UNRENDERED", "HeldView"]

UNRENDERED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-store",
}
"""A stranger's message is to be kept, never to be shown by a browser as a page of ours."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class QuarantineQuery(Paging):
    """All given conditions must hold; bounds are inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    domain: Domain | None = Field(None, description="Of the recipients.")
    sender: Word | None = Field(None, description="The envelope's sender: an address or a domain.")
    recipient: Word | None = Field(None, description="An address.")
    since: Moment = Field(None, description="Arrived at this ISO 8601 time or later.")
    until: Moment = Field(None, description="Arrived at this ISO 8601 time or earlier.")
    min_score: float | None = Field(None, allow_inf_nan=False)
    max_score: float | None = Field(None, allow_inf_nan=False)
    reason: Literal["spam", "phishing", "sandbox", "rbl"] | None = None
    status: (
        Literal["held", "releasing", "released", "release_failed", "discarded", "expired", "any"] | None
    ) = Field(None, description="Without it: whatever is still there (held, releasing, release_failed).")

    def narrow(self) -> quarantine.Filter:
        same = self.model_dump(include={"domain", "sender", "recipient", "min_score", "max_score", "reason"})
        return quarantine.Filter(state=self.status, since_ms=self.since, until_ms=self.until, **same)


class HeldView(BaseModel):
    """A message that is, or was, in quarantine."""

    id: str
    status: str = Field(description="held, releasing, released, release_failed, discarded, expired.")
    status_detail: str | None = Field(description="Why a release failed, in the downstream's own words.")
    status_since: str
    domain: str
    sender: str
    recipients: list[str]
    subject: str
    message_id: str
    message: str | None = Field(description="The scanned message, as `/verdicts` names it.")
    client_ip: str
    score: float
    symbols: list[Any]
    reason: str
    size_bytes: int
    sha256: str | None
    label: str | None = Field(description="What people said it was: ham, spam.")
    node_id: str
    queue_id: str
    arrived_at: str
    expires_at: str | None

    @classmethod
    def of(cls, held: quarantine.Held) -> "HeldView":
        same = ("id", "domain", "sender", "subject", "message_id", "client_ip", "score", "reason")
        fields: dict[str, Any] = {name: getattr(held, name) for name in same}
        return cls(
            status=held.state,
            status_detail=held.state_detail or None,
            status_since=iso_millis(held.state_ms),
            recipients=list(held.recipients),
            message=held.message or None,
            symbols=list(held.symbols),
            size_bytes=held.size_bytes,
            sha256=held.sha256 or None,
            label=held.label or None,
            node_id=held.node_id,
            queue_id=held.queue_id,
            arrived_at=iso_millis(held.arrived_ms),
            expires_at=iso_millis(held.expires_ms),
            **fields,
        )


class Release(_Strict):
    allow_sender: bool = Field(
        False, description="Put the sender on the recipients' own safelists; needs rules:write as well."
    )
    learn: bool = Field(False, description="Teach the classifier that it is ham.")


class Retrain(_Strict):
    klass: Literal["ham", "spam"] = Field(alias="class")


class Batch(_Strict):
    action: quarantine_batch.Action
    ids: list[Annotated[str, Field(min_length=1, max_length=80)]] = Field(
        min_length=1, max_length=quarantine_batch.MAX_ITEMS
    )
    klass: Literal["ham", "spam"] | None = Field(None, alias="class", description="Of a retrain.")
    allow_sender: bool = Field(False, description="Of a release.")


class BatchError(BaseModel):
    code: str
    message: str


class BatchResult(BaseModel):
    """What became of one of many; `code` is the status that its own request would have had."""

    id: str
    code: int
    status: str | None = Field(description="Of the message, where something was done.")
    error: BatchError | None

    @classmethod
    def of(cls, result: quarantine_batch.Result) -> "BatchResult":
        error, item = result.error, result.item
        return cls(
            id=result.id,
            code=200 if error is None else error.status,
            status=None if item is None else item.state,
            error=None if error is None else BatchError(code=error.code, message=error.message),
        )


async def listing(call: Call[QuarantineQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await quarantine.listing(core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor)
    return paged(found, HeldView.of)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=HeldView.of(await quarantine.item(tx, by, call.path["item"])))


async def raw(call: Call[None, None]) -> Bare:
    core, by = asked(call)
    held, message = await quarantine.raw(core, by, call.path["item"])
    headers = {**UNRENDERED, "Content-Disposition": f'attachment; filename="{held.id}.eml"'}
    return Bare(body=message, media_type="message/rfc822", headers=headers)


async def release(call: Call[None, Release]) -> Reply:
    core, by = asked(call)
    body = call.body
    held = await quarantine.release(
        core, by, call.path["item"], allow_sender=body.allow_sender, learn=body.learn
    )
    return Reply(data=HeldView.of(held), message="Released")


async def discard(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=HeldView.of(await quarantine.discard(core, by, call.path["item"])), message="Discarded")


async def report_spam(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(
        data=HeldView.of(await quarantine.report_spam(core, by, call.path["item"])), message="Reported"
    )


async def retrain(call: Call[None, Retrain]) -> Reply:
    core, by = asked(call)
    held = await quarantine.retrain(core, by, call.path["item"], call.body.klass)
    return Reply(data=HeldView.of(held), message="Trained")


async def batch(call: Call[None, Batch]) -> Reply:
    core, by = asked(call)
    body = call.body
    wanted = quarantine_batch.Wanted(
        action=body.action, ids=body.ids, klass=body.klass, allow_sender=body.allow_sender
    )
    results = await quarantine_batch.do(core, by, wanted)
    done = sum(result.error is None for result in results)
    return Reply(
        data=[BatchResult.of(result) for result in results], message=f"{done} of {len(results)} done"
    )


_ITEM = "/api/v1/quarantine/{item}"
_TROUBLE = (NotFound, Conflict, ServiceUnavailable)

ROUTES = (
    Route(
        "GET",
        "/api/v1/quarantine",
        listing,
        summary="Held mail, newest first",
        query=QuarantineQuery,
        response=list[HeldView],
        scope=quarantine.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        "/api/v1/quarantine:batch",
        batch,
        summary="Do one thing to up to 1,000 messages",
        body=Batch,
        response=list[BatchResult],
        scope=quarantine.ACT,
    ),
    Route(
        "GET",
        _ITEM,
        one,
        summary="One message, whatever became of it",
        response=HeldView,
        scope=quarantine.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        f"{_ITEM}/raw",
        raw,
        summary="A message as it was received (.eml)",
        scope=quarantine.READ,
        errors=(NotFound, ServiceUnavailable),
        media_types=("message/rfc822",),
    ),
    Route(
        "POST",
        f"{_ITEM}/release",
        release,
        summary="Deliver a message to its recipients",
        body=Release,
        response=HeldView,
        scope=quarantine.ACT,
        errors=(*_TROUBLE, UpstreamFailed),
    ),
    Route(
        "POST",
        f"{_ITEM}/discard",
        discard,
        summary="Delete a message for good",
        response=HeldView,
        scope=quarantine.ACT,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        f"{_ITEM}/report-spam",
        report_spam,
        summary="Teach the classifier that a message is spam",
        response=HeldView,
        scope=quarantine.ACT,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        f"{_ITEM}/retrain",
        retrain,
        summary="Teach the classifier what a message is",
        body=Retrain,
        response=HeldView,
        scope=quarantine.ACT,
        errors=_TROUBLE,
    ),
)
