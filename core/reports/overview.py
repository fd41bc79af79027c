"""`GET /reports?period=&domain=`: volumes, top senders and recipients, quarantine outcomes; JSON and CSV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.csvtext import as_csv
from core.reports.dmarc_summary import Summary, summarise
from core.reports.period import Period
from core.reports.stats import Counts, Interval, Stats, stats
from core.reports.within import Within, anywhere, named
from core.store.clock import DAY_MS, iso_seconds
from core.store.tables import misclassifications, quarantine_items, verdicts

__all__ = ["Overview", "Top", "overview"]

_TOP: Final = 10
_DAYS_BY_HOUR: Final = 2
_STATES: Final = ("held", "releasing", "released", "release_failed", "discarded", "expired")
_HEAD: Final = ("section", "name", "messages", "clean", "tagged", "quarantined", "rejected")


@dataclass(frozen=True, slots=True)
class Top:
    """An address and the messages that were counted for it."""

    name: str
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """`quarantine` counts what arrived in the period by its state of now, `corrections` what was reported."""

    period: Period
    domain: str | None
    stats: Stats
    senders: tuple[Top, ...]
    recipients: tuple[Top, ...]
    blocked_senders: tuple[Top, ...]
    quarantine: dict[str, int]
    corrections: dict[str, int]
    dmarc: Summary

    def as_dict(self) -> dict[str, Any]:
        """JSON."""
        volumes = self.stats.as_dict()
        return {
            "period": self.period.as_dict(),
            "domain": self.domain,
            "volumes": {name: volumes[name] for name in volumes if name != "period"},
            "top_senders": _listed(self.senders),
            "top_recipients": _listed(self.recipients),
            "top_blocked_senders": _listed(self.blocked_senders),
            "quarantine": self.quarantine,
            "misclassifications": self.corrections,
            "dmarc": self.dmarc.as_dict(),
        }

    def as_csv(self) -> str:
        """The same as one table; `section` says what a line is."""
        return as_csv(_HEAD, self._rows())

    def _rows(self) -> Iterator[Sequence[object]]:
        yield ("period", f"{iso_seconds(self.period.from_ms)}/{iso_seconds(self.period.to_ms)}", *[None] * 5)
        yield ("total", self.domain or "all domains", *_cells(self.stats.total))
        for at_ms, counts in self.stats.points:
            yield ("interval", iso_seconds(at_ms), *_cells(counts))
        yield ("held now", "quarantine", self.stats.held_now, *[None] * 4)
        yield ("possible duplicates", "deliveries", self.stats.total.possible_duplicates, *[None] * 4)
        for section, tops in (
            ("sender", self.senders),
            ("recipient", self.recipients),
            ("blocked sender", self.blocked_senders),
        ):
            for top in tops:
                yield (section, top.name, top.messages, *[None] * 4)
        for section, found in (("quarantine", self.quarantine), ("misclassification", self.corrections)):
            for name, messages in found.items():
                yield (section, name, messages, *[None] * 4)
        for name in ("messages", "passed", "failed"):
            yield ("dmarc", name, getattr(self.dmarc, name), *[None] * 4)


async def overview(
    tx: AsyncConnection,
    tenant: str,
    period: Period,
    *,
    domain: str | None = None,
    within: Within = anywhere,
) -> Overview:
    """One report; `within` are the domains that the asker may see."""
    seen = named(domain) if domain is not None else within
    begin, end = period.from_ms, period.to_ms
    interval: Interval = "hour" if end - begin <= _DAYS_BY_HOUR * DAY_MS else "day"
    found = await stats(tx, tenant, begin, end, within=seen, interval=interval)
    return Overview(
        period=period,
        domain=domain,
        stats=found,
        senders=await _top(tx, verdicts.c.sender, tenant, period, seen),
        recipients=await _top(tx, verdicts.c.recipient, tenant, period, seen),
        blocked_senders=await _top(tx, verdicts.c.sender, tenant, period, seen, ("quarantine", "reject")),
        quarantine=await _outcomes(tx, tenant, period, seen),
        corrections=await _corrections(tx, tenant, period, seen),
        dmarc=await summarise(tx, tenant, begin, end, within=seen),
    )


async def _top(
    tx: AsyncConnection,
    column: Column[str],
    tenant: str,
    period: Period,
    within: Within,
    only: tuple[str, ...] | None = None,
) -> tuple[Top, ...]:
    table = verdicts.c
    where = [table.tenant == tenant, table.at_ms >= period.from_ms, table.at_ms < period.to_ms, column != ""]
    where.append(within(table.domain))
    if only is not None:
        where.append(table.verdict.in_(only))
    messages = func.count()
    asked = select(column, messages).where(*where).group_by(column)
    rows = await tx.execute(asked.order_by(messages.desc(), column).limit(_TOP))
    return tuple(Top(name, int(count)) for name, count in rows)


async def _outcomes(tx: AsyncConnection, tenant: str, period: Period, within: Within) -> dict[str, int]:
    item = quarantine_items.c
    where = [item.tenant == tenant, item.arrived_ms >= period.from_ms, item.arrived_ms < period.to_ms]
    where.append(within(item.domain))
    rows = await tx.execute(select(item.state, func.count()).where(*where).group_by(item.state))
    return {**dict.fromkeys(_STATES, 0), **{state: int(count) for state, count in rows}}


async def _corrections(tx: AsyncConnection, tenant: str, period: Period, within: Within) -> dict[str, int]:
    table = misclassifications.c
    where = [table.tenant == tenant, table.at_ms >= period.from_ms, table.at_ms < period.to_ms]
    where.append(within(table.domain))
    rows = await tx.execute(select(table.type, func.count()).where(*where).group_by(table.type))
    return {"false_positive": 0, "false_negative": 0, **{type_: int(count) for type_, count in rows}}


def _listed(tops: Sequence[Top]) -> list[dict[str, Any]]:
    return [{"name": top.name, "messages": top.messages} for top in tops]


def _cells(counts: Counts) -> tuple[int, int, int, int, int]:
    return counts.scanned, counts.clean, counts.tagged, counts.quarantined, counts.rejected
