"""What was counted: verdicts per domain and hour, written in the transaction of the verdict.

Hours older than `FOLD_AFTER_MS` are folded into their UTC day, so the counters of a year stay few.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.reports.dmarc_summary import percent
from core.reports.within import Within, anywhere
from core.store.clock import DAY_MS, HOUR_MS, iso_seconds
from core.store.tables import quarantine_items, stat_counters
from hub.sql import upsert

__all__ = [
    "FOLD_AFTER_MS",
    "POSSIBLE_DUPLICATES",
    "Counts",
    "Interval",
    "Stats",
    "count",
    "fold",
    "held_now",
    "stats",
]

Interval = Literal["hour", "day", "total"]
FOLD_AFTER_MS: Final = 35 * DAY_MS
_WIDTH_MS: Final[Mapping[str, int]] = {"hour": HOUR_MS, "day": DAY_MS}
POSSIBLE_DUPLICATES: Final = "possible_duplicates"
"""The metric of deliveries that may have been made twice."""
_NAMES: Final[Mapping[str, str]] = {
    "clean": "clean",
    "deliver": "clean",
    "tag": "tagged",
    "quarantine": "quarantined",
    "reject": "rejected",
    POSSIBLE_DUPLICATES: "possible_duplicates",
}
"""A counter's metric -> the name in statistics."""
_MOST_POINTS: Final = 2_000
_row = stat_counters.c
_KEY = ["tenant", "domain", "hour_ms", "metric"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Messages by verdict, and deliveries of which nobody saw whether the server took them."""

    clean: int = 0
    tagged: int = 0
    quarantined: int = 0
    rejected: int = 0
    possible_duplicates: int = 0

    @property
    def scanned(self) -> int:
        return self.clean + self.tagged + self.quarantined + self.rejected

    @property
    def quarantine_rate(self) -> float | None:
        """Per cent of what was scanned; nothing of nothing."""
        return percent(self.quarantined, self.scanned)

    def as_dict(self) -> dict[str, Any]:
        return {
            "scanned": self.scanned,
            "clean": self.clean,
            "tagged": self.tagged,
            "quarantined": self.quarantined,
            "rejected": self.rejected,
            "quarantine_rate": self.quarantine_rate,
            "possible_duplicates": self.possible_duplicates,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """`points` are the intervals that counted anything, by their begin."""

    from_ms: int
    to_ms: int
    total: Counts
    points: tuple[tuple[int, Counts], ...] = ()
    held_now: int = 0

    def as_dict(self) -> dict[str, Any]:
        """JSON: `{"period": {"from", "to"}, counts, "held_now", "intervals": [{"at", counts}]}`."""
        return {
            "period": {"from": iso_seconds(self.from_ms), "to": iso_seconds(self.to_ms)},
            **self.total.as_dict(),
            "held_now": self.held_now,
            "intervals": [{"at": iso_seconds(at_ms), **counts.as_dict()} for at_ms, counts in self.points],
        }


async def count(
    tx: AsyncConnection, *, tenant: str, domain: str, verdict: str, now_ms: int, messages: int = 1
) -> None:
    """Count messages in their hour, in the transaction that stores the verdict."""
    await _add(tx, (tenant, domain, now_ms - now_ms % HOUR_MS, verdict), messages)


async def stats(
    tx: AsyncConnection,
    tenant: str,
    from_ms: int,
    to_ms: int,
    *,
    within: Within = anywhere,
    interval: Interval = "total",
) -> Stats:
    """Counts of `[from_ms, to_ms)`, in whole hours (days where hours were folded).

    Raises `ValueError` for more than 2,000 intervals.
    """
    begin, end = from_ms - from_ms % HOUR_MS, to_ms
    width = _WIDTH_MS.get(interval)
    if width and (end - begin) // width > _MOST_POINTS:
        raise ValueError(
            f"more than {_MOST_POINTS:,} intervals: ask for a shorter period or longer intervals"
        )
    found = await _counted(tx, _of(tenant, begin, end, within), width)
    points = tuple((at_ms, _counts(each)) for at_ms, each in sorted(found.items()))
    every: dict[str, int] = {}
    for each in found.values():
        for metric, messages in each.items():
            every[metric] = every.get(metric, 0) + messages
    return Stats(
        from_ms=begin,
        to_ms=end,
        total=_counts(every),
        points=points if width else (),
        held_now=await held_now(tx, tenant, within=within),
    )


async def held_now(tx: AsyncConnection, tenant: str, *, within: Within = anywhere) -> int:
    """Messages in quarantine at this moment."""
    item = quarantine_items.c
    states = item.state.in_(("held", "releasing", "release_failed"))
    where = (item.tenant == tenant, states, within(item.domain))
    held = select(func.count()).select_from(quarantine_items).where(*where)
    return int((await tx.execute(held)).scalar_one())


async def fold(tx: AsyncConnection, now_ms: int) -> int:
    """Add hours that are old enough to their day's first hour; returns how many rows went."""
    until = now_ms - FOLD_AFTER_MS
    late = (_row.hour_ms < until - until % DAY_MS, _row.hour_ms % DAY_MS != 0)
    place = (_row.tenant, _row.domain, (_row.hour_ms - _row.hour_ms % DAY_MS).label("day_ms"), _row.metric)
    days = select(*place, func.sum(_row.messages)).where(*late).group_by(*place)
    new = upsert.insert(tx, stat_counters).from_select([*_KEY, "messages"], days)
    added = {"messages": _row.messages + new.excluded.messages}
    await tx.execute(new.on_conflict_do_update(index_elements=_KEY, set_=added))
    return (await tx.execute(delete(stat_counters).where(*late))).rowcount


async def _add(tx: AsyncConnection, place: tuple[str, str, int, str], messages: int) -> None:
    tenant, domain, hour_ms, metric = place
    new = upsert.insert(tx, stat_counters).values(
        tenant=tenant, domain=domain, hour_ms=hour_ms, metric=metric, messages=messages
    )
    more = new.on_conflict_do_update(
        index_elements=_KEY,
        set_={"messages": _row.messages + messages},
    )
    await tx.execute(more)


async def _counted(
    tx: AsyncConnection, where: Sequence[ColumnElement[bool]], width: int | None
) -> dict[int, dict[str, int]]:
    at_ms = _row.hour_ms - _row.hour_ms % width if width else _row.hour_ms * 0
    asked = select(at_ms.label("at_ms"), _row.metric, func.sum(_row.messages)).where(*where)
    found: dict[int, dict[str, int]] = {}
    for at, metric, messages in await tx.execute(asked.group_by("at_ms", _row.metric)):
        found.setdefault(int(at), {})[metric] = int(messages)
    return found


def _of(tenant: str, begin: int, end: int, within: Within) -> list[ColumnElement[bool]]:
    return [_row.tenant == tenant, _row.hour_ms >= begin, _row.hour_ms < end, within(_row.domain)]


def _counts(metrics: Mapping[str, int]) -> Counts:
    named: dict[str, int] = {}
    for metric, messages in metrics.items():
        if metric in _NAMES:
            named[_NAMES[metric]] = named.get(_NAMES[metric], 0) + messages
    return Counts(**named)
