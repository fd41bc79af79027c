"""DMARC aggregate reports: listed, read, summed up, exported."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal

import orjson
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from core.api.fields import Moment
from core.api.services import asked
from core.csvtext import csv_lines
from core.dialects.mailsentinel.models import DomainId, Given, Pages, Shown, filtered
from core.reports.dmarc_json import mailsentinel_list, mailsentinel_report
from core.reports.dmarc_store import StoredReport
from core.service import dmarc_reports
from core.service.by import By
from core.service.core import Core
from core.service.dmarc_reports import Narrow
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route, Stream

__all__ = ["ROUTES"]

_HEAD: Final = (
    *("id", "domain", "orgName", "reportId", "dateRangeBegin", "dateRangeEnd", "receivedAt"),
    *("sourceIp", "count", "disposition", "dkim", "spf", "headerFrom"),
)
_Whole = tuple[StoredReport, list[dict[str, Any]]]


class Period(Given):
    """The names that a report's period has; ISO 8601."""

    domain_id: DomainId | None = None
    since: Moment = Field(None, alias="from", description="Its period begins then or later.")
    until: Moment = Field(None, alias="to", description="Its period begins before.")

    async def narrow(self, tx: AsyncConnection, by: By) -> Narrow:
        """Raises `ValidationFailed` for a domain that is not there."""
        name = await filtered(tx, by, dmarc_reports.READ, self.domain_id)
        return Narrow(domain=name, from_ms=self.since, to_ms=self.until)


class ReportsQuery(Pages, Period):
    """All given conditions must hold."""


class ExportQuery(Period):
    format: Literal["csv", "json"] = "json"


class ReportView(Shown):
    id: str
    domain_id: str | None
    domain: str
    org_name: str
    report_id: str
    date_range_begin: str
    date_range_end: str
    policy: dict[str, Any]
    total_count: int
    pass_count: int
    fail_count: int
    received_at: str


class RecordView(Shown):
    source_ip: str
    count: int
    disposition: str
    dkim: str
    spf: str
    header_from: str
    auth_results: dict[str, Any]


class WholeReportView(ReportView):
    records: list[RecordView]


class ReportsView(Shown):
    reports: list[ReportView]
    pagination: dict[str, Any]


class OneView(Shown):
    report: WholeReportView


class SummaryView(Shown):
    """Messages, but `reports` and `uniqueSources`; `passRate` in per cent."""

    reports: int
    volume: int
    pass_count: int
    fail_count: int
    pass_rate: float | None
    unique_sources: int
    dkim_pass_count: int
    spf_pass_count: int
    quarantined: int
    rejected: int
    top_sources: list[dict[str, Any]]


class SumView(Shown):
    summary: SummaryView


async def listing(call: Call[ReportsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        narrow = await query.narrow(tx, by)
        found = await dmarc_reports.numbered(tx, by, narrow, limit=query.limit, offset=query.offset)
    return Reply(data=mailsentinel_list(found.items, page=query.page, limit=query.limit, total=found.total))


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        report, records = await dmarc_reports.one(tx, by, call.path["reportId"])
    return Reply(data={"report": mailsentinel_report(report, records)})


async def summary(call: Call[Period, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        narrow = await call.query.narrow(tx, by)
        found = await dmarc_reports.summary(tx, by, narrow, now_ms=core.clock())
    every = found.summary
    sources = [
        {"sourceIp": each.source_ip, "totalCount": each.messages, "passCount": each.passed}
        for each in found.sources
    ]
    view = SummaryView(
        reports=every.reports,
        volume=every.messages,
        pass_count=every.passed,
        fail_count=every.failed,
        pass_rate=every.pass_rate,
        unique_sources=every.sources,
        dkim_pass_count=every.dkim_passed,
        spf_pass_count=every.spf_passed,
        quarantined=every.quarantined,
        rejected=every.rejected,
        top_sources=sources,
    )
    return Reply(data={"summary": view})


async def export(call: Call[ExportQuery, None]) -> Stream:
    """All reports with their records: a JSON array, or CSV with a line for each record."""
    core, by = asked(call)
    async with core.database.read() as tx:
        narrow = await call.query.narrow(tx, by)
    if call.query.format == "csv":
        return Stream(chunks=_as_csv(core, by, narrow), media_type="text/csv", filename="dmarc-reports.csv")
    return Stream(
        chunks=_as_json(core, by, narrow), media_type="application/json", filename="dmarc-reports.json"
    )


async def _as_csv(core: Core, by: By, narrow: Narrow) -> AsyncIterator[bytes]:
    yield csv_lines([_HEAD]).encode()
    async for some in dmarc_reports.whole(core, by, narrow):
        rows = [row for each in some for row in _rows(each)]
        yield csv_lines(rows).encode()


async def _as_json(core: Core, by: By, narrow: Narrow) -> AsyncIterator[bytes]:
    mark = b"["
    async for some in dmarc_reports.whole(core, by, narrow):
        for report, records in some:
            yield mark + orjson.dumps(mailsentinel_report(report, records))
            mark = b","
    yield b"]" if mark == b"," else b"[]"


def _rows(whole: _Whole) -> list[list[Any]]:
    report, records = whole
    body = mailsentinel_report(report, records)
    return [[_cell(body, record, name) for name in _HEAD] for record in body["records"]]


def _cell(report: Mapping[str, Any], record: Mapping[str, Any], name: str) -> Any:
    return record[name] if name in record else report[name]


_ALL: Final = "/api/reports"

ROUTES: Final = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="DMARC reports, the newest first",
        query=ReportsQuery,
        response=ReportsView,
        scope=dmarc_reports.READ,
    ),
    Route(
        "GET",
        f"{_ALL}/summary",
        summary,
        summary="What the reports of a period say together",
        query=Period,
        response=SumView,
        scope=dmarc_reports.READ,
    ),
    Route(
        "GET",
        f"{_ALL}/export",
        export,
        summary="All reports with their records, as CSV or JSON",
        query=ExportQuery,
        scope=dmarc_reports.READ,
        media_types=("application/json", "text/csv"),
    ),
    Route(
        "GET",
        f"{_ALL}/{{reportId}}",
        one,
        summary="One report with its records",
        response=OneView,
        scope=dmarc_reports.READ,
        errors=(NotFound,),
    ),
)
