"""What alert rules look at: a value per domain of a tenant, over a window that ends now.

Reports about names below a domain that are no domains here count for it.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, case, distinct, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports.alert_rules import Measure
from core.reports.dmarc_summary import percent
from core.store.clock import HOUR_MS
from core.store.tables import detector_states, dmarc_records, dmarc_reports, domains, stat_counters

__all__ = ["measure"]

Measures = Mapping[str, Measure]
_report, _record, _counter, _state = dmarc_reports.c, dmarc_records.c, stat_counters.c, detector_states.c
_PASSED: Mapping[str, ColumnElement[bool]] = {
    "dmarc_failure": or_(_record.dkim == "pass", _record.spf == "pass"),
    "spf_failure": _record.spf == "pass",
    "dkim_failure": _record.dkim == "pass",
}
_VERDICTS: Mapping[str, str] = {"quarantine_rate": "quarantine", "reject_rate": "reject"}
_VERDICT_METRICS = ("clean", "deliver", "tag", "quarantine", "reject")
_BAD_STATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "policy_violation": ("dmarc_policy", ("drift",)),
    "dns_change": ("dns_health", ("degraded", "unhealthy")),
}


async def measure(tx: AsyncConnection, tenant: str, kind: str, from_ms: int, to_ms: int) -> Measures:
    """Domain -> measurement, for a type of rule; a domain without anything to measure is left out."""
    if kind in _PASSED:
        return await _pass_rates(tx, tenant, _PASSED[kind], from_ms, to_ms)
    if kind in _BAD_STATES:
        return await _bad_states(tx, tenant, *_BAD_STATES[kind])
    if kind in ("dmarc_failures", "sources"):
        return await _reported(tx, tenant, kind, from_ms, to_ms)
    return await _scanned(tx, tenant, _VERDICTS.get(kind), from_ms, to_ms)


async def _pass_rates(
    tx: AsyncConnection, tenant: str, passed: ColumnElement[bool], from_ms: int, to_ms: int
) -> Measures:
    good = func.sum(case((passed, _record.messages), else_=0))
    asked = _records(good, tenant, from_ms, to_ms)
    rows = [(domain, int(part), int(every)) for domain, part, every in await tx.execute(asked)]
    return {domain: Measure(percent(part, every) or 0.0, every) for domain, part, every in rows if every}


async def _reported(tx: AsyncConnection, tenant: str, kind: str, from_ms: int, to_ms: int) -> Measures:
    failed = func.sum(case((_PASSED["dmarc_failure"], 0), else_=_record.messages))
    value = failed if kind == "dmarc_failures" else func.count(distinct(_record.source_ip))
    asked = _records(value, tenant, from_ms, to_ms)
    return {domain: Measure(float(found), int(every)) for domain, found, every in await tx.execute(asked)}


def _records(value: ColumnElement[int], tenant: str, from_ms: int, to_ms: int):  # type: ignore[no-untyped-def] # noqa: ANN202 -- a Select of three columns
    period = (_report.tenant == tenant, _report.begin_ms >= from_ms, _report.begin_ms < to_ms)
    joined = select(_report.home, value, func.sum(_record.messages)).join_from(
        dmarc_reports, dmarc_records, _record.report == _report.id
    )
    return joined.where(*period).group_by(_report.home)


async def _scanned(
    tx: AsyncConnection, tenant: str, verdict: str | None, from_ms: int, to_ms: int
) -> Measures:
    """The share of a verdict in per cent, or the number of messages."""
    part = func.sum(case((_counter.metric == verdict, _counter.messages), else_=0))
    every = func.sum(_counter.messages)
    hours = (_counter.hour_ms >= from_ms - from_ms % HOUR_MS, _counter.hour_ms < to_ms)
    where = (_counter.tenant == tenant, *hours, _counter.metric.in_(_VERDICT_METRICS))
    rows = await tx.execute(select(_counter.domain, part, every).where(*where).group_by(_counter.domain))
    found = [(domain, int(some), int(count)) for domain, some, count in rows if count]
    if verdict is None:
        silent = await tx.execute(select(domains.c.name).where(domains.c.tenant == tenant, domains.c.active))
        nothing = {name: Measure(0.0, 0) for name in silent.scalars()}
        return nothing | {domain: Measure(float(count), count) for domain, _, count in found}
    return {domain: Measure(percent(some, count) or 0.0, count) for domain, some, count in found}


async def _bad_states(tx: AsyncConnection, tenant: str, detector: str, bad: tuple[str, ...]) -> Measures:
    """1 where a detector's last word is bad, else 0."""
    where = (_state.tenant == tenant, _state.detector == detector, _state.state != "unknown")
    rows = await tx.execute(select(_state.subject, _state.state).where(*where))
    return {domain: Measure(float(state in bad), 1) for domain, state in rows}
