"""`/dmarc/reports`: what receivers say about mail in the domains' names."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Text
from core.api.services import asked, paged
from core.paging.counted import offset_of
from core.paging.query import NumberedPaging
from core.reports.dmarc_json import as_json
from core.service import dmarc_reports
from core.service.dmarc_reports import Narrow
from hub.web.errors import CursorExpired, NotFound, PayloadTooLarge
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_TYPES = (
    *("application/gzip", "application/x-gzip", "application/zip", "application/x-zip-compressed"),
    *("application/xml", "text/xml", "application/octet-stream"),
)


class _Period(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    domain: Domain | None = Field(None, description="With the names below it that are no domains here.")
    since: Moment = Field(None, alias="from", description="Its period begins at this ISO 8601 time or later.")
    until: Moment = Field(None, alias="to", description="Its period begins before this ISO 8601 time.")

    def narrow(self) -> Narrow:
        return Narrow(domain=self.domain, from_ms=self.since, to_ms=self.until)


class ReportsQuery(NumberedPaging, _Period):
    """All given conditions must hold."""


class SummaryQuery(_Period):
    """Everything that was ever reported where nothing else is asked."""

    sources: int = Field(10, ge=1, le=100, description="How many of the addresses with the most messages.")


class UploadQuery(BaseModel):
    """Beside the body."""

    model_config = ConfigDict(extra="forbid")

    filename: Text = Field("", description="Named in errors.")


class ReportView(BaseModel):
    """An aggregate report without its records."""

    id: str
    domain: str = Field(description="What it is about; may lie below one of your domains.")
    organization: str = Field(description="Who reports.")
    contact: str
    report_id: str
    format: str = Field(description="rfc7489 or rfc9990.")
    begin: str
    end: str
    received_at: str
    policy: dict[str, Any] = Field(description="What the domain published, as the receiver saw it.")
    messages: int
    passed: int
    failed: int


class RecordView(BaseModel):
    """Messages of one source with equal results; `dkim` and `spf` are the aligned ones."""

    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    envelope_from: str
    envelope_to: str
    overrides: list[dict[str, str]]
    auth_results: dict[str, list[dict[str, str]]]


class WholeReportView(ReportView):
    """With its records."""

    records: list[RecordView]


class TakenView(ReportView):
    """`is_new` is false where the report was there already."""

    is_new: bool


class SourceView(BaseModel):
    """An address that sends in the domain's name."""

    source_ip: str
    messages: int
    passed: int
    failed: int


class SummaryView(BaseModel):
    """Messages, but `reports` and `sources` (different addresses); `pass_rate` in per cent."""

    reports: int
    messages: int
    passed: int
    failed: int
    pass_rate: float | None
    dkim_passed: int
    spf_passed: int
    quarantined: int
    rejected: int
    sources: int
    top_sources: list[SourceView]


async def listing(call: Call[ReportsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        if query.numbered:
            offset = offset_of(limit=query.limit, page=query.page, offset=query.offset)
            some = await dmarc_reports.numbered(tx, by, query.narrow(), limit=query.limit, offset=offset)
            return paged(some, as_json)
        found = await dmarc_reports.listing(
            core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor
        )
    return paged(found, as_json)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        report, records = await dmarc_reports.one(tx, by, call.path["report"])
    return Reply(data=as_json(report, records))


async def upload(call: Call[UploadQuery, None]) -> Reply:
    core, by = asked(call)
    taken = await dmarc_reports.upload(core, by, await call.request.read(), call.query.filename)
    said = "The report is kept." if taken.is_new else "The report was there already."
    data = {**as_json(taken.report), "is_new": taken.is_new}
    return Reply(data=data, message=said, status=201 if taken.is_new else 200)


async def summary(call: Call[SummaryQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await dmarc_reports.summary(
            tx, by, query.narrow(), now_ms=core.clock(), most_sources=query.sources
        )
    tops = [
        SourceView(
            source_ip=each.source_ip,
            messages=each.messages,
            passed=each.passed,
            failed=each.messages - each.passed,
        )
        for each in found.sources
    ]
    return Reply(data=SummaryView(**found.summary.as_dict(), top_sources=tops))


ROUTES = (
    Route(
        "GET",
        "/api/v1/dmarc/reports",
        listing,
        summary="DMARC aggregate reports, newest first",
        query=ReportsQuery,
        response=list[ReportView],
        scope=dmarc_reports.READ,
        errors=(CursorExpired, NotFound),
    ),
    Route(
        "POST",
        "/api/v1/dmarc/reports",
        upload,
        summary="Hand in a DMARC aggregate report: XML, gzip, or a ZIP with one XML file",
        query=UploadQuery,
        takes=_TYPES,
        response=TakenView,
        status=201,
        scope=dmarc_reports.WRITE,
        errors=(PayloadTooLarge, NotFound),
        creates=True,
    ),
    Route(
        "GET",
        "/api/v1/dmarc/summary",
        summary,
        summary="What the reports of a period say together, and who sends in the domains' names",
        query=SummaryQuery,
        response=SummaryView,
        scope=dmarc_reports.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/dmarc/reports/{report}",
        one,
        summary="One report with its records",
        response=WholeReportView,
        scope=dmarc_reports.READ,
        errors=(NotFound,),
    ),
)
