"""`/audit`: the log of changes, its export, the actions that occur."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.ranges import served
from core.api.services import asked
from core.paging.query import Paging
from core.service import audit_log
from core.service.audit_log import MEDIA_TYPES, Filter, Form
from hub.web.errors import CursorExpired, NotFound, RangeNotSatisfiable, ValidationFailed
from hub.web.route import Bare, Call, Reply, Route, Stream

__all__ = ["ROUTES"]


class _Narrow(BaseModel):
    """All given conditions must hold; times are inclusive."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Moment = Field(None, alias="from", description="ISO 8601.")
    until: Moment = Field(None, alias="to", description="ISO 8601.")
    actor: Word | None = Field(None, description="A login, or the name of a key.")
    action: Word | None = Field(None, description="As `domain.updated`.")
    resource: Word | None = Field(None, description="A type, or `type/id`, and what lies below it.")
    domain: Domain | None = None
    result: Literal["success", "failure"] | None = None

    def narrow(self) -> Filter:
        return Filter(
            from_ms=self.since,
            to_ms=self.until,
            actor=self.actor,
            action=self.action,
            resource=self.resource,
            domain=self.domain,
            result=self.result,
        )


class LogQuery(Paging, _Narrow):
    """In pages without an upper bound."""

    order: Literal["newest", "oldest"] = Field("newest", description="Which comes first.")


class ExportQuery(_Narrow):
    """A whole UTC day, or what the other conditions leave."""

    day: date | None = Field(None, alias="date", description="2026-05-01; instead of from and to.")
    format: Literal["csv", "jsonl"] | None = Field(None, description="Without it, by the Accept header.")

    def narrow(self) -> Filter:
        if self.day is None:
            return super().narrow()
        if self.since is not None or self.until is not None:
            raise ValidationFailed.of("date", "give a date, or from and to")
        begin = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        from_ms = round(begin.timestamp() * 1000)
        to_ms = from_ms + timedelta(days=1) // timedelta(milliseconds=1) - 1
        return self.model_copy(update={"day": None, "since": from_ms, "until": to_ms}).narrow()


class ActorView(BaseModel):
    """Who did it; `key_prefix` are the first 20 characters of the key."""

    type: str
    id: str
    key_prefix: str | None
    ip: str | None


class ResourceView(BaseModel):
    """What it was done to."""

    type: str
    id: str
    domain: str | None


class ChangesView(BaseModel):
    """What differs; secrets are masked."""

    before: Any
    after: Any


class EntryView(BaseModel):
    """An entry of the chain; `integrity` is `violation` where its seal does not hold."""

    id: str
    seq: int
    timestamp: str
    node_id: str
    actor: ActorView
    action: str
    resource: ResourceView
    result: str
    reason: str | None
    request_id: str | None
    changes: ChangesView
    details: dict[str, Any]
    prev_hash: str
    hash: str
    integrity: Literal["ok", "violation"]


async def logs(call: Call[LogQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await audit_log.listing(
            core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor, order=query.order
        )
    return Reply(data=[entry.as_dict() for entry in found.items], pagination=found.pagination())


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=(await audit_log.one(core, tx, by, call.path["entry"])).as_dict())


async def actions(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=await audit_log.actions(tx, by))


async def export(call: Call[ExportQuery, None]) -> Stream | Bare:
    core, by = asked(call)
    query, headers = call.query, call.request.headers
    is_csv = query.format == "csv" or (query.format is None and "text/csv" in headers.get("Accept", ""))
    form: Form = "csv" if is_csv else "ndjson"
    narrow = query.narrow()
    name = f"audit-{query.day or 'log'}.{'csv' if is_csv else 'jsonl'}"
    media_type = MEDIA_TYPES[form]
    if "Range" not in headers:
        chunks = audit_log.export(core, by, narrow, form)
        return Stream(chunks=chunks, media_type=media_type, filename=name, headers={"Accept-Ranges": "bytes"})
    file = await audit_log.file(core, by, narrow, form)
    return served(file, headers, media_type=media_type, name=name)


ROUTES = (
    Route(
        "GET",
        "/api/v1/audit/logs",
        logs,
        summary="The audit log",
        query=LogQuery,
        response=list[EntryView],
        scope=audit_log.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "GET",
        "/api/v1/audit/logs/export",
        export,
        summary="The audit log as NDJSON or CSV, oldest first; ranges of bytes are answered",
        query=ExportQuery,
        scope=audit_log.READ,
        errors=(RangeNotSatisfiable,),
        media_types=("application/x-ndjson", "text/csv"),
    ),
    Route(
        "GET",
        "/api/v1/audit/logs/{entry}",
        one,
        summary="One entry",
        response=EntryView,
        scope=audit_log.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/audit/actions",
        actions,
        summary="The actions that occur",
        response=list[str],
        scope=audit_log.READ,
    ),
)
