"""The columns of a CSV export."""

from collections.abc import Mapping
from typing import Any

import orjson

from hub.archive.base import Hit
from hub.archive.extract import extract
from hub.web.times import iso

__all__ = ["COLUMNS", "row"]

COLUMNS = (
    "time",
    "recorded",
    "id",
    "tenant",
    "source",
    "class",
    "code",
    "severity",
    "disposition",
    "sender",
    "recipients",
    "subject",
    "message_id",
    "message",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row(hit: Hit) -> tuple[str, ...]:
    """One event's cells, as `COLUMNS`. NDJSON is exact; CSV is for reading."""
    event = orjson.loads(hit.body)
    metadata = _mapping(event.get("metadata"))
    facts = extract(hit.body)
    cells = (
        iso(hit.time_ms),
        iso(hit.recorded_ms),
        hit.uid,
        metadata.get("tenant_uid"),
        metadata.get("log_provider"),
        event.get("class_name") or event.get("class_uid"),
        metadata.get("event_code"),
        event.get("severity") or event.get("severity_id"),
        facts.disposition,
        facts.sender,
        " ".join(facts.recipients),
        facts.subject,
        facts.message_id,
        facts.message,
    )
    return tuple(_cell(value) for value in cells)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    # A spreadsheet would run such a cell as a formula; a sender must not get code into an auditor's machine.
    return "'" + text if text.startswith(_FORMULA) else text


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
