"""`/stats`, `/quota`, `/reports`: what was counted."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment
from core.api.services import asked
from core.reports.stats import Counts
from core.service import statistics
from core.store.clock import iso_seconds
from hub.web.errors import NotFound
from hub.web.route import Bare, Call, Reply, Route

__all__ = ["ROUTES"]

_CSV = "text/csv"


class DomainStatsQuery(BaseModel):
    """A week up to now where nothing else is asked."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Moment = Field(None, alias="from", description="ISO 8601; counted in whole hours.")
    until: Moment = Field(None, alias="to", description="ISO 8601; what happens then counts no more.")
    interval: Literal["hour", "day", "total"] = Field("total", description="hour and day add `intervals`.")


class StatsQuery(DomainStatsQuery):
    """Of one domain, or of all that the key sees."""

    domain: Domain | None = None


class PeriodView(BaseModel):
    """`[from, to)`."""

    model_config = ConfigDict(populate_by_name=True)

    since: str = Field(alias="from")
    until: str = Field(alias="to")


class CountsView(BaseModel):
    """Messages by verdict."""

    scanned: int
    clean: int
    tagged: int
    quarantined: int
    rejected: int
    quarantine_rate: float | None = Field(description="Per cent of what was scanned; null of nothing.")
    possible_duplicates: int = Field(
        description="Deliveries whose answer was lost: made again, and may have arrived twice."
    )


class IntervalView(CountsView):
    """Counts from this moment to the next one; intervals without mail are left out."""

    at: str

    @classmethod
    def at_ms(cls, at_ms: int, counts: Counts) -> "IntervalView":
        return cls(at=iso_seconds(at_ms), **counts.as_dict())


class StatsView(CountsView):
    """Counts of a period, and what is held at this moment."""

    period: PeriodView
    held_now: int
    intervals: list[IntervalView]

    @classmethod
    def of(cls, found: statistics.Stats) -> "StatsView":
        return cls.model_validate(found.as_dict())


class OverviewQuery(BaseModel):
    """A period and a form."""

    model_config = ConfigDict(extra="forbid")

    period: str = Field(
        "7d",
        max_length=64,
        description="24h, 7d, today, yesterday, 2026-05, 2026-W18, 2026-05-01..2026-05-14",
    )
    domain: Domain | None = None
    format: Literal["json", "csv"] | None = Field(None, description="Without it, by the Accept header.")


class TopView(BaseModel):
    """An address and its messages."""

    name: str
    messages: int


class VolumesView(CountsView):
    """Counts of the period: by hour up to two days, else by day."""

    held_now: int
    intervals: list[IntervalView]


class OverviewView(BaseModel):
    """What happened in a period."""

    period: PeriodView
    domain: str | None
    volumes: VolumesView
    top_senders: list[TopView]
    top_recipients: list[TopView]
    top_blocked_senders: list[TopView]
    quarantine: dict[str, int] = Field(description="What arrived in the period, by its state of now.")
    misclassifications: dict[str, int]
    dmarc: dict[str, Any]


class UsedView(BaseModel):
    """Of the licence; `limit` is null without one."""

    used: int
    limit: int | None


class HeldView(BaseModel):
    """What lies in quarantine."""

    messages: int
    bytes: int


class MailboxesView(BaseModel):
    """Storage of mailboxes, as far as it is known."""

    count: int
    quota_mb: int
    used_mb: int


class DomainQuotaView(BaseModel):
    """Mailboxes of one domain."""

    domain: str
    mailboxes: int
    quota_mb: int
    used_mb: int


class QuotaView(BaseModel):
    """What is used of what may be used."""

    domains: UsedView
    quarantine: HeldView
    mailboxes: MailboxesView
    by_domain: list[DomainQuotaView]


async def stats(call: Call[StatsQuery, None]) -> Reply:
    return await _stats(call, call.query.domain)


async def domain_stats(call: Call[DomainStatsQuery, None]) -> Reply:
    return await _stats(call, call.path["domain"])


async def _stats(call: Call[Any, None], domain: str | None) -> Reply:
    core, by = asked(call)
    query: DomainStatsQuery = call.query
    async with core.database.read() as tx:
        found = await statistics.statistics(
            core, tx, by, from_ms=query.since, to_ms=query.until, domain=domain, interval=query.interval
        )
    return Reply(data=StatsView.of(found))


async def quota(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=QuotaView.model_validate((await statistics.quota(tx, by)).as_dict()))


async def overview(call: Call[OverviewQuery, None]) -> Reply | Bare:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await statistics.overview(core, tx, by, query.period, query.domain)
    form = query.format or ("csv" if _CSV in call.request.headers.get("Accept", "") else "json")
    if form == "csv":
        name = f'attachment; filename="report-{iso_seconds(found.period.from_ms)[:10]}.csv"'
        body = found.as_csv().encode("utf-8", "replace")
        return Bare(body=body, media_type=f"{_CSV}; charset=utf-8", headers={"Content-Disposition": name})
    return Reply(data=OverviewView.model_validate(found.as_dict()))


ROUTES = (
    Route(
        "GET",
        "/api/v1/stats",
        stats,
        summary="Messages by verdict",
        query=StatsQuery,
        response=StatsView,
        scope=statistics.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/domains/{domain}/stats",
        domain_stats,
        summary="Messages of a domain by verdict",
        query=DomainStatsQuery,
        response=StatsView,
        scope=statistics.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/quota",
        quota,
        summary="What is used of domains, quarantine and mailboxes",
        response=QuotaView,
        scope=statistics.READ,
    ),
    Route(
        "GET",
        "/api/v1/reports",
        overview,
        summary="A period's volumes, top senders and recipients, and outcomes; JSON or CSV",
        query=OverviewQuery,
        response=OverviewView,
        scope=statistics.READ,
        errors=(NotFound,),
    ),
)
