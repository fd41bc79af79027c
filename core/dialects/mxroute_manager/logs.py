"""The audit log by UTC days, as the manager has it: the newest entries of one, and one as a file.

A day's file grows at its end only, so a byte offset is a cursor that stays: `Range: bytes=N-` reads on.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field
from sqlalchemy import func, select

from core.api.ranges import served
from core.api.services import asked
from core.audit.entry import Entry
from core.audit.export import table
from core.outward.manager_names import finely, user
from core.service import audit_log
from core.service.audit_log import Filter, Writer
from core.service.by import By
from core.service.core import Core
from core.store.clock import DAY_MS
from core.store.tables import audit_entries
from hub.access.scopes import ADMIN
from hub.web.errors import NotFound, RangeNotSatisfiable
from hub.web.route import Bare, Call, Reply, Route, Stream

__all__ = ["ROUTES", "shown"]

_DEFAULT, _MOST = 100, 500
_MOST_DAYS = 400
_COLUMNS: Final = ("timestamp", "user", "action", "target", "details")


class LogsQuery(BaseModel):
    day: date | None = Field(None, alias="date")
    limit: int = Field(_DEFAULT, ge=1, le=_MOST)


class DownloadQuery(BaseModel):
    day: date | None = Field(None, alias="date")
    format: Literal["csv", "jsonl"] = "csv"


async def logs(call: Call[LogsQuery, None]) -> Reply:
    core, by = asked(call)
    days = await _days(core, by)
    day = call.query.day or _today(core)
    async with core.database.read() as tx:
        found = await audit_log.listing(core, tx, by, _of(day), limit=call.query.limit)
    entries = [shown(each) for each in found.items]
    return Reply(data={"entries": entries, "current_date": day.isoformat(), "available_dates": days})


async def download(call: Call[DownloadQuery, None]) -> Stream | Bare:
    """The whole day, oldest first. A day without entries is not there."""
    core, by = asked(call)
    day, kind = call.query.day or _today(core), call.query.format
    writer = _WRITERS[kind]
    file = await audit_log.file(core, by, _of(day), writer)
    if not file.changed_ms:
        raise NotFound(f"There is no log of {day.isoformat()}.")
    name = f"audit-{day.isoformat()}.{kind}"
    return served(file, call.request.headers, media_type=writer.media_type, name=name)


def _today(core: Core) -> date:
    return datetime.fromtimestamp(core.clock() / 1000, UTC).date()


def _of(day: date) -> Filter:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    begin_ms = round(begin.timestamp() * 1000)
    return Filter(from_ms=begin_ms, to_ms=begin_ms + DAY_MS - 1)


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
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC)
    return {
        "timestamp": at.isoformat(timespec="microseconds"),
        "user": user(entry.actor.type, entry.actor.id),
        "action": finely(entry.action, entry.after, entry.details),
        "target": _target(entry),
        "details": {"before": entry.before, "after": entry.after, **entry.details},
    }


def _target(entry: Entry) -> str | None:
    """An entry of a spam list is `<entry>@<domain>`; of the settings of notifications it is their name."""
    thing = entry.resource
    item = (entry.after or entry.before or {}) if thing.type == "spam-list" else {}
    if isinstance(item, Mapping) and "item" in item:
        return f"{item['item']}@{thing.domain}"
    return thing.id or (thing.type if thing.type == "notifications" else None)


def _lines(entries: Sequence[Entry]) -> bytes:
    texts = (json.dumps(shown(each), separators=(", ", ": ")) for each in entries)
    return "".join(f"{text}\n" for text in texts).encode()


def _rows(entries: Sequence[Entry]) -> bytes:
    return table([list(shown(each).values()) for each in entries])


_WRITERS: Final = {
    "jsonl": Writer(name="manager-jsonl", media_type="application/x-ndjson", entries=_lines),
    "csv": Writer(
        name="manager-csv", media_type="text/csv; charset=utf-8", head=table([_COLUMNS]), entries=_rows
    ),
}

ROUTES = (
    Route(
        "GET", "/api/admin/logs", logs, summary="The newest entries of a day", query=LogsQuery, scope=ADMIN
    ),
    Route(
        "GET",
        "/api/admin/logs/download",
        download,
        summary="A day as a file, oldest first; ranges of bytes are answered",
        query=DownloadQuery,
        scope=ADMIN,
        errors=(NotFound, RangeNotSatisfiable),
        media_types=("application/x-ndjson", "text/csv"),
    ),
)
