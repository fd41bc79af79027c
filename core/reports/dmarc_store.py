"""Aggregate reports in the store: each once, under the domain that it is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, RowMapping, Select, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor
from core.detectors.event import FILTER, Event, tell
from core.paging.keyset import Keyset
from core.reports.dmarc import Record, Report, ReportRefused
from core.reports.within import Within, anywhere
from core.store.clock import DAY_MS, iso_seconds
from core.store.tables import dmarc_records, dmarc_reports, domain_aliases, domains
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = [
    "BY",
    "Filed",
    "Filter",
    "Home",
    "StoredReport",
    "UnknownDomain",
    "file_report",
    "find",
    "home_of",
    "listing",
    "of",
    "prune",
    "records",
]

_RECORDS_AT_ONCE: Final = 500
_report = dmarc_reports.c
BY: Final = Keyset(_report.received_ms, _report.id)
"""The order of a listing."""


class UnknownDomain(ReportRefused):
    """The report is about a domain that nobody here has."""

    def __init__(self, domain: str) -> None:
        super().__init__(
            "unknown_domain", f"The report is about {domain}, which is no domain of this account."
        )


@dataclass(frozen=True, slots=True)
class Filed:
    """`is_new` is false for a report that was there already: nothing was written."""

    id: str
    tenant: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Home:
    """A domain here, and its tenant."""

    tenant: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Reports of a tenant that belong to some domains; the period's begin lies in `[from_ms, to_ms)`."""

    tenant: str
    within: Within = anywhere
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A report without its records. `home` is the domain here that it belongs to, `domain_id` that one's."""

    id: str
    tenant: str
    domain: str
    home: str
    domain_id: str | None
    organization: str
    contact: str
    report_id: str
    format: str
    policy: dict[str, Any]
    messages: int
    passed: int
    begin_ms: int
    end_ms: int
    received_ms: int

    @property
    def failed(self) -> int:
        return self.messages - self.passed


async def home_of(tx: AsyncConnection, domain: str, *, tenant: str | None = None) -> Home | None:
    """Whose a name is: of the domain, of one that it is an alias of, or of the nearest above it."""
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    own, other = domains.c, domain_aliases.c
    mine = select(own.name, own.tenant, own.name.label("domain")).where(own.name.in_(names))
    proven = (other.name.in_(names), other.pending.is_(False))
    alias = select(other.name, other.tenant, other.domain).where(*proven)
    found = {row.name: Home(row.tenant, row.domain) for row in await tx.execute(alias.union_all(mine))}
    nearest = next((found[name] for name in names if name in found), None)
    return nearest if nearest is not None and tenant in (None, nearest.tenant) else None


async def file_report(
    tx: AsyncConnection,
    report: Report,
    *,
    now_ms: int,
    chain: Chain,
    tenant: str | None = None,
    actor: Actor = FILTER,
    request_id: str = "",
) -> Filed:
    """Keep a report and tell `report.received`; a repeated one changes nothing.

    With `tenant`, its domain must be that tenant's; without, it goes to whoever has the domain. Raises
    `UnknownDomain`, and `ReportRefused` for a period that lies ahead.
    """
    home = await home_of(tx, report.domain, tenant=tenant)
    if home is None:
        raise UnknownDomain(report.domain)
    if report.begin_ms > now_ms + DAY_MS:
        raise ReportRefused(
            "invalid_value", f"Its period begins at {iso_seconds(report.begin_ms)}, in future."
        )
    row_id, whose = new_id("rep"), home.tenant
    row = {"id": row_id, "tenant": whose, "home": home.domain, **_columns(report, now_ms)}
    new = upsert.insert(tx, dmarc_reports).values(row)
    added = await tx.execute(new.on_conflict_do_nothing().returning(_report.id))
    if added.scalar_one_or_none() is None:
        return Filed(await _known(tx, whose, report), whose, is_new=False)
    for rows in _batches(row_id, whose, report.records):
        await tx.execute(insert(dmarc_records), rows)
    event = Event(
        name="report.received",
        resource=f"dmarc-report/{row_id}",
        data={**_told(row_id, report), "home": home.domain, "domain_id": await _domain_id(tx, home)},
        tenant=whose,
        domain=home.domain,
        actor=actor,
        request_id=request_id,
    )
    await tell(tx, chain, now_ms, [event])
    return Filed(row_id, whose, is_new=True)


def listing(wanted: Filter) -> Select[Any]:
    """Reports, for `core.paging`; `of` makes records of the rows."""
    return _select().where(*_conditions(wanted))


async def find(
    tx: AsyncConnection, tenant: str, row_id: str, within: Within = anywhere
) -> StoredReport | None:
    asked = listing(Filter(tenant=tenant, within=within)).where(_report.id == row_id)
    row = (await tx.execute(asked)).mappings().one_or_none()
    return None if row is None else of(row)


async def records(tx: AsyncConnection, row_id: str, *, limit: int = 20_000) -> list[dict[str, Any]]:
    """The records of a report in their order, as JSON."""
    table = dmarc_records.c
    asked = select(dmarc_records).where(table.report == row_id).order_by(table.id).limit(limit)
    return [_record(row) for row in await tx.execute(asked)]


async def prune(tx: AsyncConnection, before_ms: int, *, limit: int = 1_000) -> int:
    """Delete reports that came before, oldest first; returns how many."""
    oldest = (
        select(_report.id).where(_report.received_ms < before_ms).order_by(_report.received_ms).limit(limit)
    )
    gone = list((await tx.execute(oldest)).scalars())
    await tx.execute(delete(dmarc_records).where(dmarc_records.c.report.in_(gone)))
    await tx.execute(delete(dmarc_reports).where(_report.id.in_(gone)))
    return len(gone)


async def _domain_id(tx: AsyncConnection, home: Home) -> str | None:
    mine = (domains.c.tenant == home.tenant) & (domains.c.name == home.domain)
    return (await tx.execute(select(domains.c.id).where(mine))).scalar_one_or_none()


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    where = [_report.tenant == wanted.tenant, wanted.within(_report.home)]
    if wanted.from_ms is not None:
        where.append(_report.begin_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        where.append(_report.begin_ms < wanted.to_ms)
    return where


def _select() -> Select[Any]:
    known = dmarc_reports.outerjoin(domains, domains.c.name == _report.home)
    return select(dmarc_reports, domains.c.id.label("domain_id")).select_from(known)


async def _known(tx: AsyncConnection, tenant: str, report: Report) -> str:
    same = (
        (_report.tenant == tenant)
        & (_report.domain == report.domain)
        & (_report.organization == report.organization)
        & (_report.report_id == report.report_id)
    )
    return str((await tx.execute(select(_report.id).where(same))).scalar_one())


def _columns(report: Report, now_ms: int) -> dict[str, Any]:
    return {
        "domain": report.domain,
        "organization": report.organization,
        "contact": report.contact,
        "report_id": report.report_id,
        "format": report.format,
        "policy": report.policy.as_dict(),
        "messages": report.messages,
        "passed": report.passed,
        "sha256": report.sha256,
        "begin_ms": report.begin_ms,
        "end_ms": report.end_ms,
        "received_ms": now_ms,
    }


def _batches(row_id: str, tenant: str, found: Sequence[Record]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(found), _RECORDS_AT_ONCE):
        part = found[start : start + _RECORDS_AT_ONCE]
        yield [_row(f"{row_id}_{start + n:05}", row_id, tenant, each) for n, each in enumerate(part)]


def _row(ident: str, report: str, tenant: str, record: Record) -> dict[str, Any]:
    return {
        "id": ident,
        "tenant": tenant,
        "report": report,
        "source_ip": record.source_ip,
        "messages": record.messages,
        "disposition": record.disposition,
        "dkim": record.dkim,
        "spf": record.spf,
        "header_from": record.header_from,
        "envelope_from": record.envelope_from,
        "details": {
            "envelope_to": record.envelope_to,
            "overrides": [{"type": each.type, "comment": each.comment} for each in record.overrides],
            "dkim": [each.as_dict() for each in record.dkim_results],
            "spf": [each.as_dict() for each in record.spf_results],
        },
    }


def _record(row: Row[Any]) -> dict[str, Any]:
    return {
        "source_ip": row.source_ip,
        "count": row.messages,
        "disposition": row.disposition,
        "dkim": row.dkim,
        "spf": row.spf,
        "header_from": row.header_from,
        "envelope_from": row.envelope_from,
        "envelope_to": row.details.get("envelope_to", ""),
        "overrides": row.details.get("overrides", []),
        "auth_results": {"dkim": row.details.get("dkim", []), "spf": row.details.get("spf", [])},
    }


def of(row: RowMapping) -> StoredReport:
    """A row of `listing`."""
    return StoredReport(**{name: row[name] for name in StoredReport.__dataclass_fields__})


def _told(row_id: str, report: Report) -> dict[str, Any]:
    return {
        "report": row_id,
        "domain": report.domain,
        "organization": report.organization,
        "report_id": report.report_id,
        "format": report.format,
        "begin": iso_seconds(report.begin_ms),
        "end": iso_seconds(report.end_ms),
        "messages": report.messages,
        "passed": report.passed,
    }
