"""An event as it leaves: one body for all, made once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from core.store.clock import from_iso, iso_millis
from core.store.feed import Happening
from core.store.sight import place_of
from hub.model.event import Header
from hub.model.ids import event_uid

__all__ = ["DESTRUCTIVE", "Letter", "body_of", "header_of", "is_destructive", "letter_of", "uid_of"]

_ENDS = ("delete", "discard", "remove", "revoke", "erase", "deprovision", "disable", "fix_bulk", "reset")
_NO_CLASS = 0
_PLAIN, DESTRUCTIVE = 1, 4
"""`Header.severity` of what takes something away is the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An event on its way. `body` is the standard form, as JSON; vendors' forms are made of the rest."""

    id: str
    name: str
    action: str
    at_ms: int
    tenant: str
    node_id: str
    data: Mapping[str, Any]
    body: bytes


def body_of(event: Happening) -> bytes:
    """`{"id","event","type","timestamp","tenant","node_id","action","data"}`; `type` = `event`."""
    said = {
        "id": event.id,
        "event": event.name,
        "type": event.name,
        "timestamp": iso_millis(event.at_ms),
        "tenant": event.tenant,
        "node_id": event.node_id,
        "action": event.action,
        "data": event.data,
    }
    return orjson.dumps(said)


def letter_of(body: bytes) -> Letter:
    """Back from the body that the engine carried."""
    said = orjson.loads(body)
    same = {name: said[name] for name in ("id", "action", "tenant", "node_id", "data")}
    return Letter(**same, name=said["event"], at_ms=from_iso(said["timestamp"]), body=body)


def header_of(event: Happening, now_ms: int) -> Header:
    """What routing needs: `source` is the event's name, `code` the audit action, which routes may end in `*`;
    `domain` the place of `core.store.sight`; `severity` marks what takes something away.
    """
    return Header(
        tenant=event.tenant,
        source=event.name,
        class_uid=_NO_CLASS,
        code=event.action,
        severity=DESTRUCTIVE if is_destructive(event.action) else _PLAIN,
        domain=place_of(event.domain, event.held_by),
        time_ms=event.at_ms,
        recorded_ms=now_ms,
    )


def is_destructive(action: str) -> bool:
    """Whether an audit action takes something away, by its last word (`mailbox.delete`)."""
    last = action.rpartition(".")[2]
    return any(last in (word, f"{word}d", f"{word}ed") for word in _ENDS)


def uid_of(epoch: str, event: Happening) -> bytes:
    """Its id in the log. Another epoch records it again."""
    return event_uid(("core", epoch, event.id))
