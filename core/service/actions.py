"""What people and keys do to held messages. Each is one transaction: state, audit entry, event."""

import sqlite3
from typing import Literal

from core.store import audit, estate, outbox, quarantine

__all__ = ["NodeUnreachable", "NotHeld", "body", "discard", "release", "retrain"]


class NotHeld(Exception):
    """No such message in quarantine: never there, or gone already."""


class NodeUnreachable(Exception):
    """The node that holds the message cannot be reached now."""


def release(
    db: sqlite3.Connection,
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
    return _settle(db, _held(db, node_id, queue_id, domain), "released", actor, now_ms)


def discard(
    db: sqlite3.Connection,
    node_id: str,
    queue_id: str,
    actor: audit.Actor,
    now_ms: int,
    *,
    domain: str | None = None,
) -> quarantine.Held:
    """Delete a held message; it cannot be brought back. Raises `NotHeld` and `NodeUnreachable`."""
    return _settle(db, _held(db, node_id, queue_id, domain), "discarded", actor, now_ms)


def retrain(
    db: sqlite3.Connection,
    node_id: str,
    queue_id: str,
    label: Literal["ham", "spam"],
    actor: audit.Actor,
    now_ms: int,
    *,
    domain: str | None = None,
) -> quarantine.Held:
    """Record a label for a message, which stays held. Raises `NotHeld` and `NodeUnreachable`."""
    held = _held(db, node_id, queue_id, domain)
    _note(db, held, f"quarantine.train_{label}", actor, now_ms)
    return held


def body(db: sqlite3.Connection, node_id: str, queue_id: str, *, domain: str | None = None) -> bytes:
    """The message as it was received. Raises `NotHeld` and `NodeUnreachable`."""
    held = _held(db, node_id, queue_id, domain)
    found = quarantine.find(db, held.node_id, held.queue_id)
    return b"" if found is None else found[1]


def _held(db: sqlite3.Connection, node_id: str, queue_id: str, domain: str | None) -> quarantine.Held:
    owner = estate.node(db, node_id)
    if owner is not None and not owner.present:
        raise NodeUnreachable(f"{node_id} is temporarily unreachable")
    found = quarantine.find(db, node_id, queue_id)
    if found is None or (domain is not None and found[0].domain != domain):
        raise NotHeld(f"no message {queue_id} is held on {node_id}")
    return found[0]


def _settle(
    db: sqlite3.Connection,
    held: quarantine.Held,
    what: Literal["released", "discarded"],
    actor: audit.Actor,
    now_ms: int,
) -> quarantine.Held:
    quarantine.discard_row(db, held.node_id, held.queue_id)
    data = {**held.as_dict(), "actor": actor.as_dict()}
    outbox.emit(db, f"quarantine.{what}", held.node_id, now_ms, data)
    _note(db, held, "quarantine.release" if what == "released" else "quarantine.discard", actor, now_ms)
    return held


def _note(
    db: sqlite3.Connection, held: quarantine.Held, action: str, actor: audit.Actor, now_ms: int
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
    )
    audit.append(db, held.node_id, now_ms, note)
