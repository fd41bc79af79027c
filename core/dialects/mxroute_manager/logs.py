"""The audit log by UTC days: the newest entries of one, without cursor or filter, as the manager has it."""

from datetime import UTC, date, datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import func, select

from core.api.services import asked
from core.audit.entry import Entry
from core.service import audit_log
from core.service.by import By
from core.service.core import Core
from core.store.clock import DAY_MS
from core.store.tables import audit_entries
from hub.access.scopes import ADMIN
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "shown"]

_DEFAULT, _MOST = 100, 500
_MOST_DAYS = 400


class LogsQuery(BaseModel):
    day: date | None = Field(None, alias="date")
    limit: int = Field(_DEFAULT, ge=1, le=_MOST)


async def logs(call: Call[LogsQuery, None]) -> Reply:
    core, by = asked(call)
    days = await _days(core, by)
    today = datetime.fromtimestamp(core.clock() / 1000, UTC).date().isoformat()
    day = call.query.day.isoformat() if call.query.day is not None else today
    begin_ms = round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
    narrow = audit_log.Filter(from_ms=begin_ms, to_ms=begin_ms + DAY_MS - 1)
    async with core.database.read() as tx:
        found = await audit_log.listing(core, tx, by, narrow, limit=call.query.limit)
    entries = [shown(each) for each in found.items]
    return Reply(data={"entries": entries, "current_date": day, "available_dates": days})


async def _days(core: Core, by: By) -> list[str]:
    """Days with entries, the newest first, found from one to the next by the index."""
    at = audit_entries.c.at_ms
    found: list[str] = []
    before_ms = core.clock() + DAY_MS
    async with core.database.read() as tx:
        while len(found) < _MOST_DAYS:
            newest = select(func.max(at)).where(audit_entries.c.tenant == by.tenant, at < before_ms)
            last_ms = (await tx.execute(newest)).scalar_one_or_none()
            if last_ms is None:
                break
            before_ms = last_ms // DAY_MS * DAY_MS
            found.append(datetime.fromtimestamp(before_ms / 1000, UTC).date().isoformat())
    return found


def shown(entry: Entry) -> dict[str, Any]:
    """`{"timestamp", "user", "action", "target", "details"}`."""
    who = entry.actor
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
    return {
        "timestamp": at.isoformat(timespec="microseconds"),
        "user": f"token:{who.id}" if who.type == "api_key" else "system" if who.type == "system" else who.id,
        "action": entry.action,
        "target": entry.resource.id or None,
        "details": {"before": entry.before, "after": entry.after, **entry.details},
    }


ROUTES = (
    Route(
        "GET", "/api/admin/logs", logs, summary="The newest entries of a day", query=LogsQuery, scope=ADMIN
    ),
)
