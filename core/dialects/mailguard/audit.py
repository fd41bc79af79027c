"""`GET /audit/logs`: ascending, cursor pagination, no limit on how much can be read in the end."""

from typing import Any

from aiohttp import web

from core.dialects.mailguard import cursor, params
from core.dialects.mailguard.access import PRINCIPAL
from core.dialects.mailguard.envelope import Refused, answer
from core.dialects.mailguard.service import SERVICE, Service
from core.store import audit, estate
from core.store.clock import iso_millis

__all__ = ["logs"]

DEFAULT_LIMIT = 500
MAX_LIMIT = 1000


async def logs(request: web.Request) -> web.Response:
    """One page. `next_cursor` continues after its last entry, `null` means that there is no more now.

    The entries of a node that cannot be reached are missing until it is back, with a word in `message`.
    """
    service = request.app[SERVICE]
    limit = params.whole(request, "limit", default=DEFAULT_LIMIT, low=1, high=MAX_LIMIT)
    query, after = _where(request, service)
    async with service.database.read() as tx:
        entries = await audit.page(tx, query, after, limit + 1)
        away = [node.id for node in await estate.nodes(tx) if not node.present]
    shown = entries[:limit]
    following = None
    if len(entries) > limit:
        following = cursor.write(service.cursor_key, shown[-1].position, query, service.clock())
    message = f"OK; temporarily unreachable: {', '.join(away)}" if away else "OK"
    return answer([_as_dict(entry) for entry in shown], message=message, next_cursor=following)


def _where(request: web.Request, service: Service) -> tuple[audit.Query, audit.Position | None]:
    asked = audit.Query(
        from_ms=params.moment(request, "from"),
        to_ms=params.moment(request, "to"),
        actor=params.text(request, "actor"),
        resource=params.text(request, "resource"),
        domain=request[PRINCIPAL].key.domain,
    )
    text = request.query.get("cursor") or None  # longer than other parameters may be
    if text is None:
        return asked, None
    try:
        found = cursor.read(service.cursor_key, text, service.clock(), service.cursor_ttl_ms)
    except cursor.CursorExpired as error:
        raise Refused(410, str(error)) from error
    except cursor.CursorInvalid as error:
        raise Refused(400, str(error)) from error
    if asked not in (found.query, audit.Query(domain=found.domain)):
        raise Refused(400, "cursor belongs to other filters: repeat those of its first page, or none")
    return found.query, found.position


def _as_dict(entry: audit.Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "node_id": entry.position.node_id,
        "timestamp": iso_millis(entry.position.at_ms),
        "actor": entry.actor,
        "action": entry.action,
        "resource": entry.resource,
        "resource_type": entry.resource_type,
        "result": entry.result,
        "details": entry.details,
        "integrity": "ok" if entry.sealed else "violation",
    }
