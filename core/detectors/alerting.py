"""Alert rules at work: each is measured when it is due, and tells when an alert opens or is over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import Event, tell
from core.detectors.states import State
from core.reports import alert_store
from core.reports.alert_rules import Measure, Rule, due, message, step
from core.reports.alert_store import Alert
from core.reports.measures import measure
from core.store import order
from core.store.tables import domains
from hub.sql.ids import new_id

__all__ = ["detect"]

_DETECTOR: Final = "alert_rule"


@dataclass(slots=True)
class _Round:
    """One evaluation: `ids` are the domains that exist, by tenant and name."""

    now_ms: int
    ids: Mapping[tuple[str, str], str]
    measured: dict[tuple[str, str, int], Mapping[str, Measure]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)


async def detect(tx: AsyncConnection, now_ms: int, *, chain: Chain, tenant: str | None = None) -> list[Event]:
    """`alert.triggered` and `alert.resolved`, of all tenants or of one whose reports just came in."""
    await order.in_commit_order(tx)
    evaluated = await states.every(tx, _DETECTOR)
    rules = {rule.id: rule for rule in await alert_store.rules(tx, tenant)}
    rows = await tx.execute(select(domains.c.tenant, domains.c.name, domains.c.id))
    turn = _Round(now_ms, {(owner, name): ident for owner, name, ident in rows})
    waiting = await _close_orphans(tx, turn, rules, await alert_store.open_alerts(tx, tenant))
    for rule in rules.values():
        last = evaluated.get((rule.tenant, rule.id))
        if rule.enabled and due(rule.frequency, last.since_ms if last else None, now_ms):
            await _evaluate(tx, turn, rule, [each for each in waiting if each.rule == rule.id])
            if rule.frequency != "immediate":
                done = State(tenant=rule.tenant, subject=rule.id, state="evaluated", since_ms=now_ms)
                await states.put(tx, _DETECTOR, done)
    if tenant is None:
        await states.drop(tx, _DETECTOR, [key for key in evaluated if key[1] not in rules])
    return await tell(tx, chain, now_ms, turn.events)


async def _close_orphans(
    tx: AsyncConnection, turn: _Round, rules: Mapping[str, Rule], waiting: Iterable[Alert]
) -> list[Alert]:
    """Close what no rule watches any more; returns the others."""
    kept = []
    for alert in waiting:
        why = _orphaned(alert, rules.get(alert.rule), turn)
        if why:
            await _resolve(tx, turn, alert, why, None)
        else:
            kept.append(alert)
    return kept


def _orphaned(alert: Alert, rule: Rule | None, turn: _Round) -> str:
    if rule is None:
        return "rule removed"
    if not rule.enabled:
        return "rule disabled"
    if rule.type != alert.type or rule.domain not in ("", alert.domain):
        return "rule changed"
    return "" if (alert.tenant, alert.domain) in turn.ids else "domain removed"


async def _evaluate(tx: AsyncConnection, turn: _Round, rule: Rule, waiting: Iterable[Alert]) -> None:
    what = (rule.tenant, rule.type, rule.window_ms)
    if what not in turn.measured:
        begin = turn.now_ms - rule.window_ms
        turn.measured[what] = await measure(tx, rule.tenant, rule.type, begin, turn.now_ms)
    found = turn.measured[what]
    by_domain = {alert.domain: alert for alert in waiting}
    names = {rule.domain} if rule.domain else {*found, *by_domain}
    for name in sorted(names):
        alert = by_domain.get(name)
        outcome = step(rule, found.get(name), is_open=alert is not None)
        if outcome == "triggered":
            await _trigger(tx, turn, rule, name, found[name])
        elif outcome == "resolved" and alert is not None:
            await _resolve(tx, turn, alert, "recovered", found[name])


async def _trigger(tx: AsyncConnection, turn: _Round, rule: Rule, domain: str, found: Measure) -> None:
    alert = Alert(
        id=new_id("alt"),
        tenant=rule.tenant,
        rule=rule.id,
        type=rule.type,
        domain=domain,
        state="triggered",
        severity=rule.kind.severity,
        message=message(rule),
        details={
            "rule_name": rule.name,
            "value": found.value,
            "messages": found.messages,
            "threshold": rule.threshold,
            "comparison": rule.comparison,
            "window_ms": rule.window_ms,
        },
        at_ms=turn.now_ms,
        resolved_ms=None,
    )
    await alert_store.raise_alert(tx, alert)
    turn.events.append(_event("alert.triggered", alert, turn, {}))


async def _resolve(tx: AsyncConnection, turn: _Round, alert: Alert, why: str, found: Measure | None) -> None:
    await alert_store.close(tx, alert, turn.now_ms)
    more: dict[str, Any] = {"resolution": why}
    if found is not None:
        more |= {"value": found.value, "messages": found.messages}
    turn.events.append(_event("alert.resolved", alert, turn, more))


def _event(name: str, alert: Alert, turn: _Round, more: Mapping[str, Any]) -> Event:
    data = {
        "alert": alert.id,
        "rule": alert.rule,
        "type": alert.type,
        "domain": alert.domain,
        "domain_id": turn.ids.get((alert.tenant, alert.domain)),
        "severity": alert.severity,
        "message": alert.message,
        **alert.details,
        **more,
    }
    return Event(name=name, resource=f"alert/{alert.id}", data=data, tenant=alert.tenant, domain=alert.domain)
