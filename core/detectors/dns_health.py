"""Health of the domains' records: kept as snapshots when it changes, told when it turns and stays so."""

from collections.abc import Iterable
from typing import Any, Final, cast

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import Event, tell
from core.detectors.states import State
from core.dns.check import Overall
from core.dns.health import Health
from core.dns.transition import Told, Transition, transition
from core.store.clock import DAY_MS
from core.store.tables import dns_snapshots, domains
from hub.sql.ids import new_id

__all__ = ["KEPT_MS", "detect", "watched"]

KEPT_MS: Final = 365 * DAY_MS
_DETECTOR: Final = "dns_health"
_row = dns_snapshots.c


async def watched(tx: AsyncConnection) -> list[tuple[str, str]]:
    """`(tenant, domain)` of all active domains."""
    asked = select(domains.c.tenant, domains.c.name).where(domains.c.active).order_by(domains.c.name)
    return [(tenant, name) for tenant, name in await tx.execute(asked)]


async def detect(tx: AsyncConnection, now_ms: int, *, chain: Chain, reports: Iterable[Health]) -> list[Event]:
    """`dns.health_alert` and `dns.health_recovered`; see `core.dns.transition` for when."""
    owners = {domain: tenant for tenant, domain in await watched(tx)}
    told = await states.every(tx, _DETECTOR)
    await states.drop(tx, _DETECTOR, [key for key in told if owners.get(key[1]) != key[0]])
    events = []
    for report in reports:
        tenant = owners.get(report.domain)
        if tenant is None:
            continue
        await _keep(tx, tenant, report, now_ms)
        turned = await _turn(tx, tenant, report, told.get((tenant, report.domain)), now_ms)
        if turned is not None:
            events.append(_event(tenant, report, turned))
    await tx.execute(delete(dns_snapshots).where(_row.kind == "health", _row.at_ms < now_ms - KEPT_MS))
    return await tell(tx, chain, now_ms, events)


async def _keep(tx: AsyncConnection, tenant: str, report: Health, now_ms: int) -> None:
    """A snapshot where something differs from the last one."""
    checks = report.as_dict()["checks"]
    where = (_row.tenant == tenant, _row.domain == report.domain, _row.kind == "health")
    newest = (
        select(_row.overall, _row.checks).where(*where).order_by(_row.at_ms.desc(), _row.id.desc()).limit(1)
    )
    last = (await tx.execute(newest)).one_or_none()
    if last is None or (last.overall, last.checks) != (report.overall, checks):
        new = {"tenant": tenant, "domain": report.domain, "kind": "health", "overall": report.overall}
        await tx.execute(insert(dns_snapshots).values(id=new_id("dns"), checks=checks, at_ms=now_ms, **new))


async def _turn(
    tx: AsyncConnection, tenant: str, report: Health, told: State | None, now_ms: int
) -> Transition | None:
    before = _told(told)
    after, turned = transition(before, report.overall)
    if told is None or after != before:
        moved = told is None or after.overall != before.overall
        details = {"next": after.next, "seen": after.seen}
        state = State(
            tenant=tenant,
            subject=report.domain,
            state=after.overall,
            since_ms=now_ms if told is None or moved else told.since_ms,
            details=details,
        )
        await states.put(tx, _DETECTOR, state)
    return turned


def _told(state: State | None) -> Told:
    if state is None:
        return Told()
    return Told(overall=cast("Overall", state.state), next=state.details["next"], seen=state.details["seen"])


def _event(tenant: str, report: Health, turned: Transition) -> Event:
    bad = {name: each for name, each in report.checks.items() if each.status in ("fail", "warn")}
    data: dict[str, Any] = {
        "domain": report.domain,
        "overall": turned.overall,
        "previous": turned.previous,
        "checks": {name: {"status": each.status, "message": each.message} for name, each in bad.items()},
    }
    return Event(
        name=turned.event, resource=f"dns/{report.domain}", data=data, tenant=tenant, domain=report.domain
    )
