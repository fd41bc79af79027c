"""What a detector tells: an event in the outbox, and an entry in the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import audit, outbox
from core.store.tenancy import OPERATOR

__all__ = ["CLUSTER", "FILTER", "SCHEDULER", "Event", "tell"]

SCHEDULER = audit.Actor(type="system", name="scheduler")
CLUSTER = audit.Actor(type="system", name="cluster")
FILTER = audit.Actor(type="system", name="filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`resource` is what the audit entry is about; `action` its name there, that of the event when empty."""

    name: str
    resource: str
    data: dict[str, Any]
    tenant: str = OPERATOR
    domain: str = ""
    action: str = ""
    actor: audit.Actor = SCHEDULER


async def tell(tx: AsyncConnection, node_id: str, now_ms: int, events: Iterable[Event]) -> list[Event]:
    """Write them to outbox and audit log, and return them."""
    told = list(events)
    for event in told:
        data = {**event.data, "actor": event.actor.as_dict()}
        await outbox.emit(tx, event.name, node_id, now_ms, data, tenant=event.tenant)
        note = audit.Note(
            actor=event.actor,
            action=event.action or event.name,
            resource=event.resource,
            details=event.data,
            domain=event.domain,
            tenant=event.tenant,
        )
        await audit.append(tx, node_id, now_ms, note)
    return told
