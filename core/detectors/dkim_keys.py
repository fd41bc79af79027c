"""DKIM keys that grow old: their rotation is announced 30 days ahead (MailGuard's REST API page)."""

from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors.event import Event, tell
from core.store.clock import DAY_MS, iso_seconds
from core.store.tables import dkim_keys

__all__ = ["LIFETIME_MS", "WARNING_MS", "detect"]

LIFETIME_MS: Final = 180 * DAY_MS
WARNING_MS: Final = 30 * DAY_MS
_row = dkim_keys.c


async def detect(
    tx: AsyncConnection,
    now_ms: int,
    *,
    chain: Chain,
    lifetime_ms: int = LIFETIME_MS,
    warning_ms: int = WARNING_MS,
) -> list[Event]:
    """`dkim.rotation_due`, once for each key in use."""
    due = _row.created_ms <= now_ms - lifetime_ms + warning_ms
    asked = select(_row.domain, _row.selector, _row.tenant, _row.created_ms)
    old = asked.where(due, _row.retired_ms.is_(None), ~_row.warned).order_by(_row.created_ms, _row.domain)
    events = []
    for domain, selector, tenant, created_ms in (await tx.execute(old)).all():
        rotate_by_ms = created_ms + lifetime_ms
        data = {
            "domain": domain,
            "selector": selector,
            "created_at": iso_seconds(created_ms),
            "rotate_by": iso_seconds(rotate_by_ms),
            "days_left": (rotate_by_ms - now_ms) // DAY_MS,
        }
        resource = f"dkim/{domain}/{selector}"
        events.append(
            Event(name="dkim.rotation_due", resource=resource, data=data, tenant=tenant, domain=domain)
        )
        same = (_row.domain == domain, _row.selector == selector)
        await tx.execute(update(dkim_keys).where(*same).values(warned=True))
    return await tell(tx, chain, now_ms, events)
