"""What a detector tells: an event in the outbox, and an entry in the audit log."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.store import outbox
from core.store.tenancy import OPERATOR

__all__ = ["CLUSTER", "FILTER", "SCHEDULER", "Event", "shown", "tell"]

SCHEDULER = Actor(type="system", id="scheduler")
CLUSTER = Actor(type="system", id="cluster")
FILTER = Actor(type="system", id="filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`resource` is what the audit entry is about; `action` its name there, that of the event when empty."""

    name: str
    resource: str
    data: dict[str, Any]
    tenant: str = OPERATOR
    domain: str = ""
    action: str = ""
    actor: Actor = SCHEDULER
    request_id: str = ""


async def tell(tx: AsyncConnection, chain: Chain, now_ms: int, events: Iterable[Event]) -> list[Event]:
    """Write them to outbox and audit log, and return them."""
    told = list(events)
    for event in told:
        data = {**event.data, "actor": shown(event.actor)}
        same = {"tenant": event.tenant, "domain": event.domain}
        await outbox.emit(tx, event.name, chain.node_id, now_ms, data, **same)
        kind, _, name = event.resource.partition("/")
        change = Change(
            actor=event.actor,
            action=event.action or event.name,
            resource=Resource(type=kind, id=name, domain=event.domain),
            request_id=event.request_id,
            details=event.data,
        )
        await chain.append(tx, event.tenant, change)
    return told


def shown(actor: Actor) -> dict[str, str | None]:
    """As events name who did it."""
    return {
        "type": actor.type,
        "name": actor.id,
        "key_prefix": actor.key_prefix or None,
        "ip": actor.ip or None,
    }
