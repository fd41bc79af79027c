"""Filtered domains with their thresholds, and the hour's verdict counters."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Row, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.verdict import Thresholds
from core.store import meta
from core.store.tables import domain_downstreams, domains, stat_counters
from core.store.tenancy import OPERATOR
from hub.sql.ids import new_id

__all__ = ["Domain", "add", "every", "verdicts"]

_SMTP_PORT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain whose mail is filtered; `name` is lower case, A-labels.

    `number` is the id for dialects that want an integer. `backend_servers` are
    `host:port`, in the order in which they are tried.
    """

    id: str
    number: int
    tenant: str
    name: str
    direction: str
    active: bool
    backend_servers: tuple[str, ...]
    thresholds: Thresholds
    dkim_active: bool
    dmarc_reporting: bool
    tenant_number: int | None
    created_ms: int
    updated_ms: int


async def add(
    tx: AsyncConnection,
    name: str,
    *,
    backends: Sequence[str],
    thresholds: Thresholds,
    now_ms: int,
    tenant: str = OPERATOR,
) -> None:
    """Add a domain, or leave the one of that name as it is."""
    known = await tx.execute(select(domains.c.id).where(domains.c.name == name))
    if known.first() is not None:
        return
    await tx.execute(
        insert(domains).values(
            id=new_id("dom"),
            number=await meta.count_up(tx, "domain"),
            tenant=tenant,
            name=name,
            direction="inbound",
            active=True,
            status="active",
            verified=True,
            verified_ms=now_ms,
            admins=[],
            action="quarantine",
            tag_threshold=thresholds.tag,
            quarantine_threshold=thresholds.quarantine,
            reject_threshold=thresholds.reject,
            settings={},
            dkim_active=True,
            dmarc_reporting=True,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
    )
    rows = [_downstream(tenant, name, position, address) for position, address in enumerate(backends)]
    if rows:
        await tx.execute(insert(domain_downstreams), rows)


async def every(tx: AsyncConnection, only: str | None = None) -> list[Domain]:
    """All domains by number, or the one named."""
    wanted = select(domains).order_by(domains.c.number)
    servers = select(domain_downstreams).order_by(domain_downstreams.c.domain, domain_downstreams.c.position)
    if only is not None:
        wanted = wanted.where(domains.c.name == only)
        servers = servers.where(domain_downstreams.c.domain == only)
    backends: dict[str, list[str]] = {}
    for row in await tx.execute(servers):
        backends.setdefault(row.domain, []).append(f"{row.host}:{row.port}")
    return [_domain(row, backends.get(row.name, [])) for row in await tx.execute(wanted)]


async def verdicts(tx: AsyncConnection) -> dict[str, int]:
    """Messages per action since the store began."""
    total = func.sum(stat_counters.c.messages)
    rows = await tx.execute(select(stat_counters.c.metric, total).group_by(stat_counters.c.metric))
    return {metric: int(messages) for metric, messages in rows}


def _downstream(tenant: str, domain: str, position: int, address: str) -> dict[str, str | int]:
    host, colon, port = address.rpartition(":")
    return {
        "domain": domain,
        "position": position,
        "tenant": tenant,
        "host": host if colon else address,
        "port": int(port) if colon else _SMTP_PORT,
        "priority": 10,
        "weight": 0,
    }


def _domain(row: Row[tuple[object, ...]], backends: Sequence[str]) -> Domain:
    return Domain(
        id=row.id,
        number=row.number,
        tenant=row.tenant,
        name=row.name,
        direction=row.direction,
        active=row.active,
        backend_servers=tuple(backends),
        thresholds=Thresholds(
            tag=row.tag_threshold, quarantine=row.quarantine_threshold, reject=row.reject_threshold
        ),
        dkim_active=row.dkim_active,
        dmarc_reporting=row.dmarc_reporting,
        tenant_number=row.tenant_number,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
    )
