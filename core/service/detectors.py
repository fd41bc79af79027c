"""Events that nobody causes: each detector compares state with the clock and reports what has become due.

All are idempotent: what was reported is marked in the same transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import audit, estate, outbox
from core.store.clock import DAY_MS, iso_seconds

__all__ = ["CLUSTER", "Limits", "Watch", "detect"]

CLUSTER = audit.Actor(type="system", name="cluster")
SCHEDULER = audit.Actor(type="system", name="scheduler")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When something is due. A DKIM key is announced 30 days ahead (MailGuard's REST API page)."""

    heartbeat_timeout_ms: int = 5_000
    dkim_lifetime_ms: int = 180 * DAY_MS
    dkim_warning_ms: int = 30 * DAY_MS
    certificate_warning_ms: int = 14 * DAY_MS
    licence_interval_ms: int = DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """`licence_server` answers a refresh: the licence now -> the licence from now on."""

    node_id: str
    limits: Limits
    licence_server: Callable[[estate.Licence], estate.Licence]


async def detect(tx: AsyncConnection, watch: Watch, now_ms: int) -> None:
    """Run every detector once."""
    for detector in (_nodes, _licence, _dkim_keys, _certificates):
        await detector(tx, watch, now_ms)


async def _report(tx: AsyncConnection, watch: Watch, now_ms: int, event: str, note: audit.Note) -> None:
    data = {**note.details, "actor": note.actor.as_dict()}
    await outbox.emit(tx, event, watch.node_id, now_ms, data)
    await audit.append(tx, watch.node_id, now_ms, note)


async def _nodes(tx: AsyncConnection, watch: Watch, now_ms: int) -> None:
    for node in await estate.nodes(tx):
        heard = now_ms - node.heartbeat_ms <= watch.limits.heartbeat_timeout_ms
        if heard == node.present:
            continue
        await estate.set_present(tx, node.id, present=heard)
        details = {
            "node_id": node.id,
            "address": node.address,
            "last_heartbeat_at": iso_seconds(node.heartbeat_ms),
        }
        action = "cluster.node_joined" if heard else "cluster.node_left"
        note = audit.Note(actor=CLUSTER, action=action, resource=f"cluster/{node.id}", details=details)
        await _report(tx, watch, now_ms, action, note)


async def _licence(tx: AsyncConnection, watch: Watch, now_ms: int) -> None:
    old = await estate.licence(tx)
    if old is None or now_ms < old.refresh_due_ms:
        return
    granted = watch.licence_server(old)
    new = replace(granted, refreshed_ms=now_ms, refresh_due_ms=now_ms + watch.limits.licence_interval_ms)
    await estate.put_licence(tx, new)
    details = {
        "change": "refresh" if new.tier == old.tier else "tier",
        "tier": new.tier,
        "previous_tier": old.tier,
        "max_domains": new.max_domains,
        "valid_until": iso_seconds(new.valid_until_ms),
    }
    note = audit.Note(actor=SCHEDULER, action="license.refresh", resource="license", details=details)
    await _report(tx, watch, now_ms, "license.changed", note)


async def _dkim_keys(tx: AsyncConnection, watch: Watch, now_ms: int) -> None:
    limits = watch.limits
    for key in await estate.dkim_keys(tx):
        rotate_by_ms = key.created_ms + limits.dkim_lifetime_ms
        if key.warned or now_ms < rotate_by_ms - limits.dkim_warning_ms:
            continue
        await estate.mark_dkim_key(tx, key)
        details = {
            "domain": key.domain,
            "selector": key.selector,
            "created_at": iso_seconds(key.created_ms),
            "rotate_by": iso_seconds(rotate_by_ms),
            "days_left": (rotate_by_ms - now_ms) // DAY_MS,
        }
        note = audit.Note(
            actor=SCHEDULER,
            action="dkim.rotation_due",
            resource=f"dkim/{key.domain}/{key.selector}",
            details=details,
            domain=key.domain,
        )
        await _report(tx, watch, now_ms, "dkim.rotation_due", note)


async def _certificates(tx: AsyncConnection, watch: Watch, now_ms: int) -> None:
    for certificate in await estate.certificates(tx):
        if certificate.warned or now_ms < certificate.not_after_ms - watch.limits.certificate_warning_ms:
            continue
        await estate.mark_certificate(tx, certificate.serial)
        details = {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "serial": certificate.serial,
            "not_after": iso_seconds(certificate.not_after_ms),
            "days_left": (certificate.not_after_ms - now_ms) // DAY_MS,
        }
        note = audit.Note(
            actor=SCHEDULER,
            action="cert.expiring",
            resource=f"certificate/{certificate.serial}",
            details=details,
        )
        await _report(tx, watch, now_ms, "cert.expiring", note)
