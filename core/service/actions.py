"""What people and keys do to held messages. Each is one transaction: state, audit entry, event."""

from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from core.store import audit, estate, outbox, quarantine

__all__ = ["NodeUnreachable", "NotHeld", "body", "discard", "release", "retrain"]


class NotHeld(Exception):
    """No such message in quarantine: never there, or gone already."""


class NodeUnreachable(Exception):
    """The node that holds the message cannot be reached now."""


async def release(
    tx: AsyncConnection,
    node_id: str,
    queue_id: str,
    actor: audit.Actor,
    now_ms: int,
    *,
    domain: str | None = None,
) -> quarantine.Held:
    """Deliver a held message. With `domain`, one of another domain counts as not held.

    Raises `NotHeld` and `NodeUnreachable`.
    """
    return await _settle(tx, await _held(tx, node_id, queue_id, domain), "released", actor, now_ms)


async def discard(
    tx: AsyncConnection,
    node_id: str,
    queue_id: str,
    actor: audit.Actor,
    now_ms: int,
    *,
    domain: str | None = None,
) -> quarantine.Held:
    """Delete a held message; it cannot be brought back. Raises `NotHeld` and `NodeUnreachable`."""
    return await _settle(tx, await _held(tx, node_id, queue_id, domain), "discarded", actor, now_ms)


async def retrain(
    tx: AsyncConnection,
    node_id: str,
    queue_id: str,
    label: Literal["ham", "spam"],
    actor: audit.Actor,
    now_ms: int,
    *,
    domain: str | None = None,
) -> quarantine.Held:
    """Record a label for a message, which stays held. Raises `NotHeld` and `NodeUnreachable`."""
    held = await _held(tx, node_id, queue_id, domain)
    await _note(tx, held, f"quarantine.train_{label}", actor, now_ms)
    return held


async def body(tx: AsyncConnection, node_id: str, queue_id: str, *, domain: str | None = None) -> bytes:
    """The message as it was received. Raises `NotHeld` and `NodeUnreachable`."""
    held = await _held(tx, node_id, queue_id, domain)
    return await quarantine.body(tx, held) or b""


async def _held(tx: AsyncConnection, node_id: str, queue_id: str, domain: str | None) -> quarantine.Held:
    owner = await estate.node(tx, node_id)
    if owner is not None and not owner.present:
        raise NodeUnreachable(f"{node_id} is temporarily unreachable")
    found = await quarantine.find(tx, node_id, queue_id)
    if found is None or (domain is not None and found.domain != domain):
        raise NotHeld(f"no message {queue_id} is held on {node_id}")
    return found


async def _settle(
    tx: AsyncConnection,
    held: quarantine.Held,
    what: Literal["released", "discarded"],
    actor: audit.Actor,
    now_ms: int,
) -> quarantine.Held:
    if not await quarantine.step(tx, held, what, now_ms):
        raise NotHeld(f"message {held.queue_id} on {held.node_id} was just settled by somebody else")
    data = {**held.as_dict(), "actor": actor.as_dict()}
    await outbox.emit(tx, f"quarantine.{what}", held.node_id, now_ms, data, tenant=held.tenant)
    await _note(tx, held, "quarantine.release" if what == "released" else "quarantine.discard", actor, now_ms)
    return held


async def _note(
    tx: AsyncConnection, held: quarantine.Held, action: str, actor: audit.Actor, now_ms: int
) -> None:
    details = {
        "subject": held.subject,
        "sender": held.sender,
        "recipients": list(held.recipients),
        "message_id": held.message_id,
    }
    note = audit.Note(
        actor=actor,
        action=action,
        resource=f"quarantine/{held.node_id}/{held.queue_id}",
        details=details,
        domain=held.domain,
        tenant=held.tenant,
    )
    await audit.append(tx, held.node_id, now_ms, note)
