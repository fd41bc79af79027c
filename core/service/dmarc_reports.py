"""DMARC aggregate reports: taken in, read, summed up."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.counted import Counted, counted
from core.paging.keyset import Asked, Page, page
from core.reports import dmarc_store
from core.reports.dmarc import LIMITS, Report, ReportRefused, parse
from core.reports.dmarc_store import StoredReport
from core.reports.dmarc_summary import Source, Summary, summarise, top_sources
from core.reports.within import Within, named
from core.service import visible
from core.service.by import By
from core.service.core import Core
from hub.web.errors import ApiError, NotFound, PayloadTooLarge, ValidationFailed

__all__ = [
    "READ",
    "WRITE",
    "Narrow",
    "Overall",
    "Taken",
    "listing",
    "numbered",
    "one",
    "summary",
    "upload",
    "whole",
]

READ: Final = "reports:read"
WRITE: Final = "reports:write"
_AT_ONCE: Final = 20
_TOO_LARGE: Final = frozenset(
    {
        "input_limit_exceeded",
        "decompression_limit_exceeded",
        "record_limit_exceeded",
        "zip_member_limit_exceeded",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    """Reports about a domain and the names below it; their period begins in `[from_ms, to_ms)`."""

    domain: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """`is_new` is false for a report that was there already."""

    report: StoredReport
    is_new: bool


@dataclass(frozen=True, slots=True)
class Overall:
    """What reports say together; `sources` with the most messages first."""

    summary: Summary
    sources: Sequence[Source]


async def upload(core: Core, by: By, data: bytes, filename: str = "") -> Taken:
    """Keep a report: XML, gzip, or a ZIP with one XML file; a repeated one changes nothing.

    Raises `PayloadTooLarge` and `ValidationFailed` for what is no report that can be read (`code` of the
    detail says why), `NotFound` and `Forbidden` for its domain.
    """
    if len(data) > LIMITS.max_input_bytes:
        raise PayloadTooLarge(f"A report has at most {LIMITS.max_input_bytes:,} bytes.")
    try:
        report = await core.workers.run(parse, data, filename)
        async with core.database.begin() as tx:
            return await _file(core, tx, by, report)
    except ReportRefused as error:
        raise _refused(error) from error


async def listing(
    core: Core, tx: AsyncConnection, by: By, narrow: Narrow, *, limit: int = 100, cursor: str | None = None
) -> Page[StoredReport]:
    """The newest first. Raises `NotFound` and `Forbidden` for the domain, and what `page` raises."""
    filters = {"domain": narrow.domain, "from": narrow.from_ms, "to": narrow.to_ms}
    asked = Asked(scope=f"dmarc-reports:{by.tenant}", filters=filters, limit=limit, cursor=cursor)
    wanted = await _wanted(tx, by, narrow)
    rows = await page(tx, dmarc_store.listing(wanted), dmarc_store.BY, core.cursors, asked)
    return rows.of(dmarc_store.of)


async def numbered(
    tx: AsyncConnection, by: By, narrow: Narrow, *, limit: int, offset: int
) -> Counted[StoredReport]:
    """The same by number, with the total."""
    query = dmarc_store.listing(await _wanted(tx, by, narrow))
    rows = await counted(tx, query, dmarc_store.BY, limit=limit, offset=offset)
    return rows.of(dmarc_store.of)


async def one(tx: AsyncConnection, by: By, report_id: str) -> tuple[StoredReport, list[dict[str, Any]]]:
    """A report with its records. Raises `NotFound`, also for one that the caller may not see."""
    found = await dmarc_store.find(tx, by.tenant, report_id, visible.within(by, READ))
    if found is None:
        raise NotFound(f"There is no report {report_id[:80]}.")
    return found, await dmarc_store.records(tx, found.id)


async def whole(
    core: Core, by: By, narrow: Narrow
) -> AsyncIterator[list[tuple[StoredReport, list[dict[str, Any]]]]]:
    """All reports with their records, the newest first, some at a time. Raises what `listing` raises."""
    cursor = None
    while True:
        async with core.database.read() as tx:
            some = await listing(core, tx, by, narrow, limit=_AT_ONCE, cursor=cursor)
            found = [(report, await dmarc_store.records(tx, report.id)) for report in some.items]
        yield found
        cursor = some.next_cursor
        if cursor is None:
            return


async def summary(
    tx: AsyncConnection, by: By, narrow: Narrow, *, now_ms: int, most_sources: int = 10
) -> Overall:
    """Over the reports of a period, up to now where it has no end. Raises what `listing` raises."""
    wanted = await _wanted(tx, by, narrow)
    begin = narrow.from_ms or 0
    end = now_ms + 1 if narrow.to_ms is None else narrow.to_ms
    if begin >= end:
        raise ValidationFailed.of("from", "must be earlier than to")
    found = await summarise(tx, by.tenant, begin, end, within=wanted.within)
    sources = await top_sources(tx, by.tenant, begin, end, within=wanted.within, limit=most_sources)
    return Overall(found, sources)


async def _file(core: Core, tx: AsyncConnection, by: By, report: Report) -> Taken:
    home = await dmarc_store.home_of(tx, report.domain, tenant=by.tenant)
    if home is None:
        raise NotFound(f"There is no domain {report.domain}, which the report is about.")
    await visible.domain(tx, by, WRITE, home.domain)
    filed = await dmarc_store.file_report(
        tx,
        report,
        now_ms=core.clock(),
        chain=core.chain,
        tenant=by.tenant,
        actor=by.actor,
        request_id=by.request_id,
    )
    kept = await dmarc_store.find(tx, by.tenant, filed.id)
    if kept is None:
        raise RuntimeError(f"the report {filed.id} that was just filed is not there")
    return Taken(kept, filed.is_new)


async def _wanted(tx: AsyncConnection, by: By, narrow: Narrow) -> dmarc_store.Filter:
    within: Within = visible.within(by, READ)
    if narrow.domain is not None:
        within = named((await visible.domain(tx, by, READ, narrow.domain)).name)
    return dmarc_store.Filter(tenant=by.tenant, within=within, from_ms=narrow.from_ms, to_ms=narrow.to_ms)


def _refused(error: ReportRefused) -> ApiError:
    kind = PayloadTooLarge if error.code in _TOO_LARGE else ValidationFailed
    return kind(str(error), details=[{"field": "body", "message": str(error), "code": error.code}])
