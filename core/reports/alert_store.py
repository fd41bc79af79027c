"""Alert rules and alerts in the store."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, RowMapping, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Keyset
from core.reports.alert_rules import Rule, checked
from core.reports.within import Within, anywhere
from core.store.tables import alert_rules, alerts
from hub.sql.ids import new_id

__all__ = [
    "BY",
    "DOMAIN",
    "Alert",
    "add_rule",
    "change_rule",
    "close",
    "find_rule",
    "listing",
    "of",
    "open_alerts",
    "raise_alert",
    "remove_rule",
    "rules",
]

_rule, _alert = alert_rules.c, alerts.c
BY: Final = Keyset(_alert.at_ms, _alert.id)
"""The order of a listing."""
DOMAIN: Final = _alert.domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`state` is `triggered` or `resolved`; `rule` may be gone."""

    id: str
    tenant: str
    rule: str
    type: str
    domain: str
    state: str
    severity: str
    message: str
    details: dict[str, Any]
    at_ms: int
    resolved_ms: int | None


async def add_rule(
    tx: AsyncConnection, tenant: str, now_ms: int, *, domain: str = "", enabled: bool = True, **settings: Any
) -> Rule:
    """`settings` as `alert_rules.checked` takes them. Raises `BadRule`."""
    ident = new_id("alr")
    row = {"id": ident, "tenant": tenant, "domain": domain, "enabled": enabled, **checked(**settings)}
    await tx.execute(insert(alert_rules).values(created_ms=now_ms, updated_ms=now_ms, **row))
    found = await find_rule(tx, tenant, ident)
    if found is None:
        raise RuntimeError(f"the rule {ident} that was just written is not there")
    return found


async def change_rule(
    tx: AsyncConnection, rule: Rule, now_ms: int, *, domain: str = "", enabled: bool = True, **settings: Any
) -> None:
    """All of it anew. Alerts that it opened stay open until it is evaluated again. Raises `BadRule`."""
    values = {"domain": domain, "enabled": enabled, "updated_ms": now_ms, **checked(**settings)}
    await tx.execute(update(alert_rules).where(_rule.id == rule.id).values(**values))


async def remove_rule(tx: AsyncConnection, rule: Rule) -> None:
    await tx.execute(delete(alert_rules).where(_rule.id == rule.id))


async def rules(tx: AsyncConnection, tenant: str | None = None, within: Within = anywhere) -> list[Rule]:
    """Of a tenant, or of all, in the order in which they were made."""
    asked = select(alert_rules).where(within(_rule.domain)).order_by(_rule.created_ms, _rule.id)
    if tenant is not None:
        asked = asked.where(_rule.tenant == tenant)
    return [_as_rule(row) for row in await tx.execute(asked)]


async def find_rule(tx: AsyncConnection, tenant: str, ident: str, within: Within = anywhere) -> Rule | None:
    where = (_rule.tenant == tenant, _rule.id == ident, within(_rule.domain))
    row = (await tx.execute(select(alert_rules).where(*where))).one_or_none()
    return None if row is None else _as_rule(row)


async def raise_alert(tx: AsyncConnection, alert: Alert) -> None:
    names = Alert.__dataclass_fields__
    await tx.execute(insert(alerts).values({name: getattr(alert, name) for name in names}))


async def close(tx: AsyncConnection, alert: Alert, now_ms: int) -> None:
    values = {"state": "resolved", "resolved_ms": now_ms}
    await tx.execute(update(alerts).where(_alert.id == alert.id).values(**values))


async def open_alerts(tx: AsyncConnection, tenant: str | None = None) -> list[Alert]:
    asked = select(alerts).where(_alert.state == "triggered").order_by(_alert.at_ms, _alert.id)
    if tenant is not None:
        asked = asked.where(_alert.tenant == tenant)
    return [of(row) for row in (await tx.execute(asked)).mappings()]


def listing(tenant: str, **equal: str | None) -> Select[Any]:
    """Alerts, for `core.paging`; `of` makes records of the rows. `equal`: columns and values (None = any)."""
    same = [_alert[name] == value for name, value in equal.items() if value is not None]
    return select(alerts).where(_alert.tenant == tenant, *same)


def _as_rule(row: Row[Any]) -> Rule:
    return Rule(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        type=row.type,
        domain=row.domain,
        threshold=row.threshold,
        comparison=row.settings["comparison"],
        window_ms=row.settings["window_ms"],
        frequency=row.frequency,
        minimum=row.settings["minimum"],
        enabled=row.enabled,
    )


def of(row: RowMapping) -> Alert:
    """A row of `listing`."""
    return Alert(**{name: row[name] for name in Alert.__dataclass_fields__})
