"""Alerts, and the rules that raise them; `core.detectors.alerting` watches."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.paging.counted import Counted, counted
from core.paging.keyset import Asked, Page, page
from core.reports import alert_store
from core.reports.alert_rules import BadRule, Rule
from core.reports.alert_store import Alert
from core.service import visible
from core.service.by import By, Deed, record
from core.service.core import Core
from hub.web.access import authorize
from hub.web.errors import Forbidden, NotFound, ValidationFailed

__all__ = [
    "READ",
    "WRITE",
    "Alert",
    "Rule",
    "RuleSettings",
    "add_rule",
    "change_rule",
    "listing",
    "numbered",
    "one",
    "remove_rule",
    "rules",
]

READ: Final = "alerts:read"
WRITE: Final = "alerts:write"
_OF_ANY_TYPE: Final = ("type", "name", "domain", "enabled", "frequency")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """A rule as somebody asks for it; None stands for what is usual for its type, or for what it is now.

    `domain` is empty for a rule about every domain; `minimum` is the number of messages below which there is
    nothing to measure.
    """

    type: str | None = None
    name: str | None = None
    domain: str | None = None
    threshold: float | None = None
    comparison: str | None = None
    window_ms: int | None = None
    frequency: str | None = None
    minimum: int | None = None
    enabled: bool | None = None


async def listing(
    core: Core,
    tx: AsyncConnection,
    by: By,
    *,
    state: str | None = None,
    domain: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Alert]:
    """The newest first; `state` is `triggered` or `resolved`.

    Raises `Forbidden` for a domain of no grant, `ValidationFailed` and `CursorExpired` for the cursor.
    """
    if domain is not None:
        authorize(by.principal, READ, domain)
    filters = {"state": state, "domain": domain}
    query = visible.limit(alert_store.listing(by.tenant, **filters), by, READ, alert_store.DOMAIN)
    asked = Asked(scope=f"alerts:{by.tenant}", filters=filters, limit=limit, cursor=cursor)
    return (await page(tx, query, alert_store.BY, core.cursors, asked)).of(alert_store.of)


async def numbered(
    tx: AsyncConnection, by: By, *, state: str | None, domain: str | None, limit: int, offset: int
) -> Counted[Alert]:
    """The same by number, with the total. Raises `Forbidden`."""
    if domain is not None:
        authorize(by.principal, READ, domain)
    query = visible.limit(
        alert_store.listing(by.tenant, state=state, domain=domain), by, READ, alert_store.DOMAIN
    )
    return (await counted(tx, query, alert_store.BY, limit=limit, offset=offset)).of(alert_store.of)


async def one(tx: AsyncConnection, by: By, alert_id: str) -> Alert:
    """Raises `NotFound`, also for one that the caller may not see."""
    query = visible.limit(alert_store.listing(by.tenant, id=alert_id), by, READ, alert_store.DOMAIN)
    row = (await tx.execute(query)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no alert {alert_id[:80]}.")
    return alert_store.of(row)


async def rules(tx: AsyncConnection, by: By) -> list[Rule]:
    """In the order in which they were made; who is bound to domains sees the rules of those."""
    return await alert_store.rules(tx, by.tenant, visible.within(by, READ))


async def add_rule(core: Core, tx: AsyncConnection, by: By, given: RuleSettings) -> Rule:
    """Raises `ValidationFailed`, and `NotFound` and `Forbidden` for the domain."""
    settings = _given(given)
    settings["domain"] = await _domain(tx, by, settings.get("domain", ""))
    if "type" not in settings:
        raise ValidationFailed.of("type", "must be given")
    try:
        rule = await alert_store.add_rule(tx, by.tenant, core.clock(), **settings)
    except BadRule as error:
        raise _refused(error) from error
    await record(core, tx, by, _deed("alert_rule.created", rule, after=_plain(rule)))
    return rule


async def change_rule(core: Core, tx: AsyncConnection, by: By, rule_id: str, given: RuleSettings) -> Rule:
    """What is not given stays. Alerts that no longer fit the rule are resolved when it is next evaluated.

    Raises `NotFound`, `ValidationFailed`, `Forbidden`.
    """
    before = await _own(tx, by, rule_id)
    new = _given(given)
    kept = _plain(before)
    if new.get("type", before.type) != before.type:
        kept = {name: kept[name] for name in _OF_ANY_TYPE}  # limits of one type mean nothing for another
    settings = {**kept, **new}
    settings["domain"] = await _domain(tx, by, settings["domain"])
    try:
        await alert_store.change_rule(tx, before, core.clock(), **settings)
    except BadRule as error:
        raise _refused(error) from error
    after = await _own(tx, by, rule_id)
    await record(core, tx, by, _deed("alert_rule.updated", after, before=_plain(before), after=_plain(after)))
    return after


async def remove_rule(core: Core, tx: AsyncConnection, by: By, rule_id: str) -> Rule:
    """Its open alerts are resolved when rules are next evaluated. Raises `NotFound`."""
    rule = await _own(tx, by, rule_id)
    await alert_store.remove_rule(tx, rule)
    await record(core, tx, by, _deed("alert_rule.deleted", rule, before=_plain(rule)))
    return rule


async def _own(tx: AsyncConnection, by: By, rule_id: str) -> Rule:
    rule = await alert_store.find_rule(tx, by.tenant, rule_id, visible.within(by, WRITE))
    if rule is None:
        raise NotFound(f"There is no alert rule {rule_id[:80]}.")
    return rule


async def _domain(tx: AsyncConnection, by: By, name: str) -> str:
    """The domain that a rule may be about."""
    if name:
        return (await visible.domain(tx, by, WRITE, name)).name
    if not by.principal.reach(WRITE).everything:
        raise Forbidden("A rule about every domain needs a key for all domains: name one of yours.")
    return ""


def _given(settings: RuleSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if value is not None}


def _plain(rule: Rule) -> dict[str, Any]:
    return {name: value for name, value in asdict(rule).items() if name not in ("id", "tenant")}


def _deed(action: str, rule: Rule, *, before: Any = None, after: Any = None) -> Deed:
    resource = Resource(type="alert_rule", id=rule.id, domain=rule.domain)
    return Deed(action=action, resource=resource, before=before, after=after)


def _refused(error: BadRule) -> ValidationFailed:
    return ValidationFailed(str(error), details=[{"field": error.field, "message": error.says}])
