"""What was counted of a tenant's mail, and what it uses of what it may use."""

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports import overview as period_report
from core.reports import quota as usage
from core.reports import stats as counted
from core.reports.overview import Overview
from core.reports.period import BadPeriod, parse_period
from core.reports.quota import Quota
from core.reports.stats import Interval, Stats
from core.reports.within import Within, named
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.store.clock import DAY_MS, HOUR_MS
from hub.web.errors import ValidationFailed

__all__ = ["READ", "Interval", "Overview", "Quota", "Stats", "overview", "quota", "statistics"]

READ: Final = "dashboard:read"
_USUAL_MS: Final = 7 * DAY_MS


async def statistics(
    core: Core,
    tx: AsyncConnection,
    by: By,
    *,
    from_ms: int | None = None,
    to_ms: int | None = None,
    domain: str | None = None,
    interval: Interval = "total",
) -> Stats:
    """Counts of `[from_ms, to_ms)` in whole hours, of a week up to now where nothing else is asked.

    Raises `NotFound` and `Forbidden` for the domain, `ValidationFailed` for the period.
    """
    now_ms = core.clock()
    end = now_ms - now_ms % HOUR_MS + HOUR_MS if to_ms is None else to_ms
    begin = max(end - _USUAL_MS, 0) if from_ms is None else from_ms
    if begin >= end:
        raise ValidationFailed.of("from", "must be earlier than to")
    within = await _within(tx, by, domain)
    try:
        return await counted.stats(tx, by.tenant, begin, end, within=within, interval=interval)
    except ValueError as error:
        raise ValidationFailed.of("interval", str(error)) from error


async def quota(tx: AsyncConnection, by: By) -> Quota:
    """Of the domains that the caller may see."""
    return await usage.quota(tx, by.tenant, within=visible.within(by, READ))


async def overview(
    core: Core, tx: AsyncConnection, by: By, period: str, domain: str | None = None
) -> Overview:
    """Volumes, top senders and recipients, outcomes; `period` in the forms of `core.reports.period`.

    Raises `ValidationFailed` for the period, `NotFound` and `Forbidden` for the domain.
    """
    try:
        span = parse_period(period, core.clock())
    except BadPeriod as error:
        raise ValidationFailed.of("period", str(error)) from error
    within = await _within(tx, by, domain)
    return await period_report.overview(tx, by.tenant, span, domain=domain, within=within)


async def _within(tx: AsyncConnection, by: By, domain: str | None) -> Within:
    if domain is None:
        return visible.within(by, READ)
    return named((await visible.domain(tx, by, READ, domain)).name)
