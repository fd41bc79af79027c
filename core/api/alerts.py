"""`/alerts` and `/alert-rules`."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Domain, Text
from core.api.services import asked, paged
from core.paging.query import Paging
from core.reports.alert_rules import TYPES
from core.service import alerts
from core.store.clock import HOUR_MS, iso_millis
from hub.web.errors import CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class AlertsQuery(Paging):
    """All given conditions must hold."""

    state: Literal["triggered", "resolved"] | None = None
    domain: Domain | None = None


class AlertView(BaseModel):
    """`details` are the value measured, the messages that it rests on, and the rule's limits at that time."""

    id: str
    rule: str = Field(description="Its rule, which may be gone.")
    type: str
    domain: str
    state: str = Field(description="triggered or resolved.")
    severity: str
    message: str
    details: dict[str, Any]
    triggered_at: str
    resolved_at: str | None

    @classmethod
    def of(cls, found: alerts.Alert) -> "AlertView":
        same = ("id", "rule", "type", "domain", "state", "severity", "message", "details")
        return cls(
            **{name: getattr(found, name) for name in same},
            triggered_at=iso_millis(found.at_ms),
            resolved_at=iso_millis(found.resolved_ms),
        )


class _Limits(BaseModel):
    """What is not given is what is usual for the type."""

    model_config = ConfigDict(extra="forbid")

    name: Text | None = None
    threshold: float | None = Field(None, allow_inf_nan=False)
    comparison: Literal["below", "above"] | None = Field(None, description="When it is an alert.")
    window_hours: int | None = Field(None, ge=1, le=8784, description="What is looked at, up to now.")
    frequency: Literal["immediate", "daily", "weekly"] | None = Field(
        None, description="How often it is evaluated; immediate = every few minutes."
    )
    minimum: int | None = Field(None, ge=0, description="Messages below which there is nothing to measure.")
    enabled: bool | None = None
    domain: Domain | Literal[""] | None = Field(None, description="Empty: every domain, each for itself.")

    def settings(self, **more: Any) -> alerts.RuleSettings:
        given = self.model_dump(exclude={"window_hours", "type"})
        hours = self.window_hours
        return alerts.RuleSettings(**given, window_ms=None if hours is None else hours * HOUR_MS, **more)


class NewRule(_Limits):
    """A rule."""

    type: str = Field(max_length=40, description=f"One of {', '.join(TYPES)}.")


class RuleChange(_Limits):
    """What is not given stays; with another type its limits are those that are usual for it."""

    type: str | None = Field(None, max_length=40)


class RuleView(BaseModel):
    """A rule, and in words what it watches for."""

    id: str
    name: str
    type: str
    label: str
    unit: str
    domain: str
    threshold: float
    comparison: str
    window_hours: int
    frequency: str
    minimum: int
    enabled: bool

    @classmethod
    def of(cls, rule: alerts.Rule) -> "RuleView":
        own = ("label", "unit", "window_hours")
        same = {name: getattr(rule, name) for name in cls.model_fields if name not in own}
        kind = rule.kind
        hours = rule.window_ms // HOUR_MS
        return cls(**same, label=kind.label, unit=kind.unit.strip(), window_hours=hours)


async def listing(call: Call[AlertsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        found = await alerts.listing(
            core, tx, by, state=query.state, domain=query.domain, limit=query.limit, cursor=query.cursor
        )
    return paged(found, AlertView.of)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=AlertView.of(await alerts.one(tx, by, call.path["alert"])))


async def rules(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=[RuleView.of(rule) for rule in await alerts.rules(tx, by)])


async def add(call: Call[None, NewRule]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        rule = await alerts.add_rule(core, tx, by, call.body.settings(type=call.body.type))
    return Reply(data=RuleView.of(rule), message="The rule is watched.")


async def change(call: Call[None, RuleChange]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        given = call.body.settings(type=call.body.type)
        rule = await alerts.change_rule(core, tx, by, call.path["rule"], given)
    return Reply(data=RuleView.of(rule), message="The rule is changed.")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        rule = await alerts.remove_rule(core, tx, by, call.path["rule"])
    return Reply(data=RuleView.of(rule), message="The rule is removed.")


ROUTES = (
    Route(
        "GET",
        "/api/v1/alerts",
        listing,
        summary="Alerts, newest first",
        query=AlertsQuery,
        response=list[AlertView],
        scope=alerts.READ,
        errors=(CursorExpired,),
    ),
    Route(
        "GET",
        "/api/v1/alerts/{alert}",
        one,
        summary="One alert",
        response=AlertView,
        scope=alerts.READ,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        "/api/v1/alert-rules",
        rules,
        summary="What is watched",
        response=list[RuleView],
        scope=alerts.READ,
    ),
    Route(
        "POST",
        "/api/v1/alert-rules",
        add,
        summary="Watch for something",
        body=NewRule,
        response=RuleView,
        status=201,
        scope=alerts.WRITE,
        errors=(NotFound,),
        creates=True,
    ),
    Route(
        "PATCH",
        "/api/v1/alert-rules/{rule}",
        change,
        summary="Change a rule",
        body=RuleChange,
        response=RuleView,
        scope=alerts.WRITE,
        errors=(NotFound,),
    ),
    Route(
        "DELETE",
        "/api/v1/alert-rules/{rule}",
        remove,
        summary="Watch no more",
        response=RuleView,
        scope=alerts.WRITE,
        errors=(NotFound,),
    ),
)
