"""`GET /audit/logs`: oldest first, opaque cursors, no bound on how much can be read in the end."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.api.fields import Moment, Word
from core.api.services import asked
from core.dialects.mailguard.cluster import told
from core.service import audit_log
from core.service.audit_log import Entry, Filter
from core.store.clock import iso_millis
from hub.web.errors import CursorExpired, ValidationFailed
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "EntryView"]

_FILTERS: Final = {"from_ms": int, "to_ms": int, "actor": str, "resource": str}
_MOST_CURSOR: Final = 4096


class LogsQuery(BaseModel):
    """With a cursor, the filters of its first page or none. Times are inclusive."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    from_ms: Moment = Field(None, alias="from", description="ISO 8601.")
    to_ms: Moment = Field(None, alias="to", description="ISO 8601.")
    actor: Word | None = Field(None, description="Name of the actor.")
    resource: Word | None = Field(None, description="A resource, what lies below it, or a resource type.")
    cursor: str | None = Field(None, max_length=_MOST_CURSOR, description="next_cursor of the page before.")
    limit: int = Field(500, ge=1, le=1000)

    @property
    def filters(self) -> dict[str, Any]:
        """Those that were given."""
        given = {name: getattr(self, name) for name in _FILTERS}
        return {name: value for name, value in given.items() if value is not None}


class ActorView(BaseModel):
    """Who did it."""

    type: Literal["user", "api_key", "system"]
    name: str
    key_prefix: str | None
    ip: str | None


class EntryView(BaseModel):
    """What was done; `integrity` says whether its seal still holds."""

    id: str = Field(description="Node and number, as node-1:184223.")
    node_id: str
    timestamp: str
    actor: ActorView
    action: str
    resource: str
    resource_type: str
    result: Literal["success", "failure"]
    details: dict[str, Any]
    integrity: Literal["ok", "violation"]


async def logs(call: Call[LogsQuery, None]) -> Reply:
    """`next_cursor` goes on after the page's last entry, null means that there is no more now.

    Entries that a node wrote while it was away come in late, with the times at which they were written.
    """
    core, by = asked(call)
    query = call.query
    cursor, filters = _continued(query)
    async with core.database.read() as tx:
        page = await audit_log.listing(
            core, tx, by, Filter(**filters), limit=query.limit, cursor=cursor, order="oldest"
        )
        message = await told(tx, by)
    following = page.next_cursor
    next_cursor = None if following is None else _written(following, filters)
    return Reply(
        data=[_shown(entry) for entry in page.items],
        message=message,
        pagination={"next_cursor": next_cursor},
    )


def _written(cursor: str, filters: dict[str, Any]) -> str:
    """The service's cursor, and the filters that it is signed for: it may come back alone."""
    if not filters:
        return cursor
    return f"{cursor}.{urlsafe_b64encode(json.dumps(filters).encode()).decode().rstrip('=')}"


def _continued(query: LogsQuery) -> tuple[str | None, dict[str, Any]]:
    """The service's cursor and the filters to read on with. Raises `ValidationFailed`."""
    if not query.cursor:
        return None, query.filters
    cursor, _, tail = query.cursor.partition(".")
    filters = _read(tail)
    if query.filters not in ({}, filters):
        raise ValidationFailed.of(
            "cursor", "belongs to other filters: repeat those of its first page, or none"
        )
    return cursor, filters


def _read(tail: str) -> dict[str, Any]:
    """Filters behind a cursor; the service's own check refuses those that it is not signed for."""
    if not tail:
        return {}
    try:
        found = json.loads(urlsafe_b64decode(tail.encode("ascii") + b"=" * (-len(tail) % 4)))
    except (ValueError, RecursionError):
        found = None
    fits = isinstance(found, dict) and all(type(value) is _FILTERS.get(name) for name, value in found.items())
    if not fits:
        raise ValidationFailed.of("cursor", "is not one of this server's")
    filters: dict[str, Any] = found
    return filters


def _shown(entry: Entry) -> dict[str, Any]:
    who, thing = entry.actor, entry.resource
    more = {"before": entry.before, "after": entry.after, "reason": entry.reason or None}
    return {
        "id": entry.id,
        "node_id": entry.node_id,
        "timestamp": iso_millis(entry.at_ms),
        "actor": {
            "type": who.type,
            "name": who.id,
            "key_prefix": who.key_prefix or None,
            "ip": who.ip or None,
        },
        "action": entry.action,
        "resource": f"{thing.type}/{thing.id}" if thing.id else thing.type,
        "resource_type": thing.type,
        "result": entry.result,
        "details": {**{name: value for name, value in more.items() if value is not None}, **entry.details},
        "integrity": "ok" if entry.sealed else "violation",
    }


ROUTES = (
    Route(
        "GET",
        "/api/v1/audit/logs",
        logs,
        summary="The audit log, oldest first",
        query=LogsQuery,
        response=list[EntryView],
        scope=audit_log.READ,
        errors=(CursorExpired,),
    ),
)
