"""Alerts, and the rules that raise them."""

from typing import Any, Final, Literal

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from core.api.fields import Text
from core.api.services import asked
from core.dialects.mailsentinel.models import DomainId, Given, Pages, Shown, filtered, ids_of, pagination
from core.reports.alert_rules import TYPES
from core.service import alerts
from core.service.by import By
from core.store.clock import HOUR_MS, iso_seconds
from hub.web.errors import NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]


class AlertsQuery(Pages):
    """All given conditions must hold."""

    state: Literal["triggered", "resolved"] | None = None
    domain_id: DomainId | None = None


class AlertView(Shown):
    id: str
    rule_id: str = Field(description="Its rule, which may be gone.")
    domain_id: str | None
    domain: str
    type: str
    state: str
    severity: str
    message: str
    value: float | None
    threshold: float | None
    triggered_at: str
    resolved_at: str | None

    @classmethod
    def of(cls, found: alerts.Alert, domain_id: str | None) -> "AlertView":
        return cls(
            id=found.id,
            rule_id=found.rule,
            domain_id=domain_id,
            domain=found.domain,
            type=found.type,
            state=found.state,
            severity=found.severity,
            message=found.message,
            value=found.details.get("value"),
            threshold=found.details.get("threshold"),
            triggered_at=iso_seconds(found.at_ms),
            resolved_at=iso_seconds(found.resolved_ms),
        )


class _Limits(Given):
    """What is not given is what is usual for the type."""

    name: Text | None = None
    threshold: float | None = Field(None, allow_inf_nan=False)
    comparison: Literal["below", "above"] | None = Field(None, description="When it is an alert.")
    window_hours: int | None = Field(None, ge=1, le=8784, description="What is looked at, up to now.")
    frequency: Literal["immediate", "daily", "weekly"] | None = None
    minimum: int | None = Field(None, ge=0, description="Messages below which there is nothing to measure.")
    enabled: bool | None = None
    domain_id: DomainId | None = Field(None, description="Without it: every domain, each for itself.")

    async def settings(self, tx: AsyncConnection, by: By, kind: str | None) -> alerts.RuleSettings:
        """Raises `ValidationFailed` for a domain that is not there."""
        given = self.model_dump(exclude={"window_hours", "type", "domain_id"})
        name = await filtered(tx, by, alerts.WRITE, self.domain_id)
        everywhere = "domain_id" in self.model_fields_set and name is None
        hours = self.window_hours
        return alerts.RuleSettings(
            **given,
            type=kind,
            domain="" if everywhere else name,
            window_ms=None if hours is None else hours * HOUR_MS,
        )


class NewRule(_Limits):
    """A rule."""

    type: str = Field(max_length=40, description=f"One of {', '.join(TYPES)}.")


class RuleChange(_Limits):
    """What is not given stays."""

    type: str | None = Field(None, max_length=40)


class RuleView(Shown):
    id: str
    name: str
    type: str
    domain_id: str | None = Field(description="Null: every domain.")
    threshold: float
    comparison: str
    window_hours: int
    frequency: str
    minimum: int
    enabled: bool

    @classmethod
    def of(cls, rule: alerts.Rule, domain_id: str | None) -> "RuleView":
        same = ("id", "name", "type", "threshold", "comparison", "frequency", "minimum", "enabled")
        plain = {name: getattr(rule, name) for name in same}
        return cls(**plain, domain_id=domain_id, window_hours=rule.window_ms // HOUR_MS)


class AlertsView(Shown):
    alerts: list[AlertView]
    pagination: dict[str, Any]


class OneView(Shown):
    alert: AlertView


class RulesView(Shown):
    rules: list[RuleView]


class RuleOnly(Shown):
    rule: RuleView


async def listing(call: Call[AlertsQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        domain = await filtered(tx, by, alerts.READ, query.domain_id)
        found = await alerts.numbered(
            tx, by, state=query.state, domain=domain, limit=query.limit, offset=query.offset
        )
        ids = await ids_of(tx, by, alerts.READ, (each.domain for each in found.items))
    views = [AlertView.of(each, ids.get(each.domain)) for each in found.items]
    return Reply(data={"alerts": views, "pagination": pagination(found)})


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await alerts.one(tx, by, call.path["alertId"])
        ids = await ids_of(tx, by, alerts.READ, [found.domain])
    return Reply(data={"alert": AlertView.of(found, ids.get(found.domain))})


async def rules(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await alerts.rules(tx, by)
        ids = await ids_of(tx, by, alerts.READ, (rule.domain for rule in found))
    return Reply(data={"rules": [RuleView.of(rule, ids.get(rule.domain)) for rule in found]})


async def add(call: Call[None, NewRule]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        settings = await call.body.settings(tx, by, call.body.type)
        return await _ruled(tx, by, await alerts.add_rule(core, tx, by, settings))


async def change(call: Call[None, RuleChange]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        settings = await call.body.settings(tx, by, call.body.type)
        return await _ruled(tx, by, await alerts.change_rule(core, tx, by, call.path["ruleId"], settings))


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        return await _ruled(tx, by, await alerts.remove_rule(core, tx, by, call.path["ruleId"]))


async def _ruled(tx: AsyncConnection, by: By, rule: alerts.Rule) -> Reply:
    ids = await ids_of(tx, by, alerts.READ, [rule.domain])
    return Reply(data={"rule": RuleView.of(rule, ids.get(rule.domain))})


_ALERTS: Final = "/api/alerts"
_RULES: Final = "/api/alert-rules"
_RULE: Final = f"{_RULES}/{{ruleId}}"
_THERE: Final = (NotFound,)

ROUTES: Final = (
    Route(
        "GET",
        _ALERTS,
        listing,
        summary="Alerts, the newest first",
        query=AlertsQuery,
        response=AlertsView,
        scope=alerts.READ,
    ),
    Route(
        "GET",
        f"{_ALERTS}/{{alertId}}",
        one,
        summary="One alert",
        response=OneView,
        scope=alerts.READ,
        errors=_THERE,
    ),
    Route("GET", _RULES, rules, summary="What is watched", response=RulesView, scope=alerts.READ),
    Route(
        "POST",
        _RULES,
        add,
        summary="Watch for something",
        body=NewRule,
        response=RuleOnly,
        status=201,
        scope=alerts.WRITE,
    ),
    Route(
        "PATCH",
        _RULE,
        change,
        summary="Change a rule",
        body=RuleChange,
        response=RuleOnly,
        scope=alerts.WRITE,
        errors=_THERE,
    ),
    Route(
        "DELETE",
        _RULE,
        remove,
        summary="Watch no more",
        response=RuleOnly,
        scope=alerts.WRITE,
        errors=_THERE,
    ),
)
