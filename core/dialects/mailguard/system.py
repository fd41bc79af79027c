"""Licence, reports, whether the node serves."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain
from core.api.services import CORE, asked
from core.api.statistics import OverviewView
from core.service import licence as service
from core.service import statistics
from core.store import estate
from core.store.clock import iso_seconds
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_PERIODS = {"day": "24h", "week": "7d", "month": "30d", "quarter": "91d", "year": "365d"}


class NodeView(BaseModel):
    node_id: str
    reachable: bool


class HealthView(BaseModel):
    """The node that answers, and what it knows of the others."""

    status: Literal["ok"]
    node_id: str
    nodes: list[NodeView]


class LicenceView(BaseModel):
    """The licence in force; an expired one shows what it was."""

    status: Literal["none", "valid", "expired"]
    tier: str | None
    holder: str | None
    max_domains: int | None
    domains: int = Field(description="That are filtered now.")
    valid_until: str | None
    refreshed_at: str | None


class ReportsQuery(BaseModel):
    """A period, and one domain or all."""

    model_config = ConfigDict(extra="ignore")

    period: str = Field(
        "week",
        max_length=64,
        description="day, week, month, quarter, year (up to now), or 24h, 7d, today, 2026-05, 2026-W18, "
        "2026-05-01..2026-05-14.",
    )
    domain: Domain | None = None


async def health(call: Call[None, None]) -> Reply:
    core = call.request.app[CORE]
    async with core.database.read() as tx:
        found = await estate.nodes(tx)
    nodes = [NodeView(node_id=node.id, reachable=node.present) for node in found]
    return Reply(data=HealthView(status="ok", node_id=core.node_id, nodes=nodes))


async def licence(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await service.get(core, tx, by)
    same = ("status", "tier", "holder", "max_domains", "domains")
    valid, refreshed = iso_seconds(found.valid_until_ms), iso_seconds(found.refreshed_ms)
    shown = {name: getattr(found, name) for name in same}
    return Reply(data=LicenceView(**shown, valid_until=valid, refreshed_at=refreshed))


async def reports(call: Call[ReportsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    period = _PERIODS.get(query.period, query.period)
    async with core.database.read() as tx:
        found = await statistics.overview(core, tx, by, period, query.domain)
    return Reply(data=OverviewView.model_validate(found.as_dict()))


ROUTES = (
    Route("GET", "/health", health, summary="Whether the node serves", response=HealthView, scope=None),
    Route(
        "GET",
        "/api/v1/license",
        licence,
        summary="The licence in force",
        response=LicenceView,
        scope="cluster:read",
    ),
    Route(
        "GET",
        "/api/v1/reports",
        reports,
        summary="Volumes, top senders and recipients, quarantine outcomes of a period",
        query=ReportsQuery,
        response=OverviewView,
        scope=statistics.READ,
        errors=(NotFound,),
    ),
)
