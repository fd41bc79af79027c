"""What the aggregate reports of a period say together."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports.within import Within, anywhere
from core.store.tables import dmarc_records, dmarc_reports

__all__ = ["Source", "Summary", "summarise", "top_sources"]

_report, _record = dmarc_reports.c, dmarc_records.c
_PASSED: Final = or_(_record.dkim == "pass", _record.spf == "pass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts are of messages, but `reports` and `sources` (different addresses)."""

    reports: int = 0
    messages: int = 0
    passed: int = 0
    dkim_passed: int = 0
    spf_passed: int = 0
    quarantined: int = 0
    rejected: int = 0
    sources: int = 0

    @property
    def failed(self) -> int:
        return self.messages - self.passed

    @property
    def pass_rate(self) -> float | None:
        """Per cent; nothing without messages."""
        return percent(self.passed, self.messages)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "failed": self.failed, "pass_rate": self.pass_rate}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An address that sends in the domain's name."""

    source_ip: str
    messages: int
    passed: int


async def summarise(
    tx: AsyncConnection, tenant: str, from_ms: int, to_ms: int, *, within: Within = anywhere
) -> Summary:
    """Over reports whose period begins in `[from_ms, to_ms)`."""

    def counted(condition: ColumnElement[bool]) -> ColumnElement[Any]:
        return func.coalesce(func.sum(case((condition, _record.messages), else_=0)), 0)

    asked = (
        select(
            func.count(distinct(_report.id)).label("reports"),
            func.coalesce(func.sum(_record.messages), 0).label("messages"),
            counted(_PASSED).label("passed"),
            counted(_record.dkim == "pass").label("dkim_passed"),
            counted(_record.spf == "pass").label("spf_passed"),
            counted(_record.disposition == "quarantine").label("quarantined"),
            counted(_record.disposition == "reject").label("rejected"),
            func.count(distinct(_record.source_ip)).label("sources"),
        )
        .join_from(dmarc_reports, dmarc_records, _record.report == _report.id)
        .where(_of(tenant, from_ms, to_ms, within))
    )
    row = (await tx.execute(asked)).mappings().one()
    return Summary(**{name: int(value) for name, value in row.items()})


async def top_sources(
    tx: AsyncConnection,
    tenant: str,
    from_ms: int,
    to_ms: int,
    *,
    within: Within = anywhere,
    limit: int = 10,
) -> list[Source]:
    """Those with the most messages first."""
    messages = func.sum(_record.messages)
    passed = func.sum(case((_PASSED, _record.messages), else_=0))
    asked = (
        select(_record.source_ip, messages, passed)
        .join_from(dmarc_reports, dmarc_records, _record.report == _report.id)
        .where(_of(tenant, from_ms, to_ms, within))
        .group_by(_record.source_ip)
        .order_by(messages.desc(), _record.source_ip)
        .limit(limit)
    )
    rows = await tx.execute(asked)
    return [Source(source_ip=ip, messages=int(all_), passed=int(good)) for ip, all_, good in rows]


def percent(part: int, whole: int) -> float | None:
    """With two decimals, rounded down so that 99.999 never reads as 100; nothing of nothing."""
    return None if whole == 0 else (part * 10_000 // whole) / 100


def _of(tenant: str, from_ms: int, to_ms: int, within: Within) -> ColumnElement[bool]:
    period = (_report.begin_ms >= from_ms, _report.begin_ms < to_ms)
    return and_(_report.tenant == tenant, *period, within(_report.home))
