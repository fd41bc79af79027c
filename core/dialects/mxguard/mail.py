"""Verdicts, quarantine, statistics."""

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Moment, Word
from core.api.services import asked
from core.engine.scales import mx_score
from core.paging.query import Paging
from core.reports.stats import Stats
from core.service import quarantine, statistics, verdicts
from core.store.clock import DAY_MS, iso_seconds
from hub.web.errors import Conflict, CursorExpired, NotFound, ServiceUnavailable, UpstreamFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_PERCENT = 100


class _Period(Paging):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Moment = Field(None, alias="from", description="ISO 8601; this moment or later.")
    until: Moment = Field(None, alias="to", description="ISO 8601; this moment or earlier.")
    domain: Domain | None = None
    sender: Word | None = Field(None, alias="from_address", description="An address or a domain.")


class VerdictQuery(_Period):
    verdict: Literal["clean", "tag", "quarantine", "reject", "rejected"] | None = Field(
        None, description="As the answer has it: rejected is what the server refused, whatever its score."
    )
    recipient: Word | None = Field(None, alias="to_address")

    def narrow(self) -> verdicts.Filter:
        refused = None if self.verdict is None else self.verdict == "rejected"
        return verdicts.Filter(
            from_ms=self.since,
            to_ms=self.until,
            domain=self.domain,
            verdict=None if refused else self.verdict,
            refused=refused,
            sender=self.sender,
            recipient=self.recipient,
        )


class HeldQuery(_Period):
    status: Literal["held", "released", "deleted", "expired"] | None = Field(
        None, description="Without it: held."
    )

    def narrow(self) -> quarantine.Filter:
        states: dict[str | None, Any] = {"released": "released", "deleted": "discarded", "expired": "expired"}
        return quarantine.Filter(
            state=states.get(self.status),
            domain=self.domain,
            sender=self.sender,
            since_ms=self.since,
            until_ms=self.until,
        )


class StatsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    since: Moment = Field(None, alias="from", description="ISO 8601; a week ago without it.")
    until: Moment = Field(None, alias="to", description="ISO 8601; now without it.")
    domain: Domain | None = None


class VerdictView(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str
    timestamp: str
    domain: str
    sender: str = Field(alias="from")
    recipient: str = Field(alias="to")
    subject: str
    score: float = Field(description="0.00 to 1.00")
    verdict: str
    reasons: list[str]
    size: int
    client_ip: str
    message_id: str

    @classmethod
    def of(cls, found: verdicts.Verdict) -> "VerdictView":
        return cls(
            id=found.id,
            timestamp=iso_seconds(found.at_ms),
            domain=found.domain,
            sender=found.sender,
            recipient=found.recipient,
            subject=found.subject,
            score=mx_score(found.score),
            verdict="rejected" if found.fate == "rejected" else found.verdict,
            reasons=_names(found.symbols),
            size=found.size_bytes,
            client_ip=found.client_ip,
            message_id=found.message_id,
        )


class HeldView(BaseModel):
    """`to` are the recipients, with commas in between."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    received_at: str
    sender: str = Field(alias="from")
    recipient: str = Field(alias="to")
    domain: str
    subject: str
    score: float
    reasons: list[str]
    size: int
    status: Literal["held", "released", "deleted", "expired"]
    expires_at: str

    @classmethod
    def of(cls, held: quarantine.Held, days: int) -> "HeldView":
        ended: dict[str, Any] = {"released": "released", "discarded": "deleted", "expired": "expired"}
        return cls(
            id=held.id,
            received_at=iso_seconds(held.arrived_ms),
            sender=held.sender,
            recipient=", ".join(held.recipients),
            domain=held.domain,
            subject=held.subject,
            score=mx_score(held.score),
            reasons=_names(held.symbols),
            size=held.size_bytes,
            status=ended.get(held.state, "held"),
            expires_at=iso_seconds(held.expires_ms or held.arrived_ms + days * DAY_MS),
        )


class StatsView(BaseModel):
    """`quarantine_rate` is a share, 0 to 1."""

    period: dict[str, str]
    scanned: int
    clean: int
    tagged: int
    quarantined: int
    rejected: int
    quarantine_rate: float
    held_now: int

    @classmethod
    def of(cls, found: Stats) -> "StatsView":
        counts = found.total
        return cls(
            period={"from": iso_seconds(found.from_ms), "to": iso_seconds(found.to_ms)},
            scanned=counts.scanned,
            clean=counts.clean,
            tagged=counts.tagged,
            quarantined=counts.quarantined,
            rejected=counts.rejected,
            quarantine_rate=round((counts.quarantine_rate or 0.0) / _PERCENT, 4),
            held_now=found.held_now,
        )


async def every_verdict(call: Call[VerdictQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await verdicts.listing(core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor)
    return Reply(data=[VerdictView.of(one) for one in found.items], pagination=found.pagination())


async def every_held(call: Call[HeldQuery, None]) -> Reply:
    core, by = asked(call)
    query, days = call.query, core.config.quarantine_days
    async with core.database.read() as tx:
        found = await quarantine.listing(core, tx, by, query.narrow(), limit=query.limit, cursor=query.cursor)
    return Reply(data=[HeldView.of(one, days) for one in found.items], pagination=found.pagination())


async def release(call: Call[None, None]) -> Reply:
    """Releasing says that it was ham (help page of the quarantine)."""
    core, by = asked(call)
    held = await quarantine.release(core, by, call.path["id"], learn=True)
    return Reply(data=HeldView.of(held, core.config.quarantine_days))


async def report_spam(call: Call[None, None]) -> Reply:
    """A lesson for the filter; it adds no rule."""
    core, by = asked(call)
    held = await quarantine.report_spam(core, by, call.path["id"])
    return Reply(data=HeldView.of(held, core.config.quarantine_days))


async def stats(call: Call[StatsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await statistics.statistics(
            core, tx, by, from_ms=query.since, to_ms=query.until, domain=query.domain
        )
    return Reply(data=StatsView.of(found))


def _names(symbols: Iterable[Any]) -> list[str]:
    return [one["name"] if isinstance(one, dict) else str(one) for one in symbols]


_TROUBLE = (NotFound, Conflict, ServiceUnavailable, UpstreamFailed)

ROUTES = (
    Route(
        "GET",
        "/api/v1/verdicts",
        every_verdict,
        summary="Recent verdicts, the newest first",
        query=VerdictQuery,
        response=list[VerdictView],
        scope=verdicts.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "GET",
        "/api/v1/quarantine",
        every_held,
        summary="Held messages, the newest first",
        query=HeldQuery,
        response=list[HeldView],
        scope=quarantine.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "POST",
        "/api/v1/quarantine/{id}/release",
        release,
        summary="Deliver a held message",
        response=HeldView,
        scope=quarantine.ACT,
        errors=_TROUBLE,
    ),
    Route(
        "POST",
        "/api/v1/quarantine/{id}/report-spam",
        report_spam,
        summary="Report a held message as spam",
        response=HeldView,
        scope=quarantine.ACT,
        errors=_TROUBLE,
    ),
    Route(
        "GET",
        "/api/v1/stats",
        stats,
        summary="Figures of the account",
        query=StatsQuery,
        response=StatsView,
        scope=statistics.READ,
    ),
)
