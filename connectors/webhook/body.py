"""What is sent: Standard Webhooks' `{"type", "timestamp", "data"}` around the event's own bytes."""

import re
from typing import Final

import orjson

from hub.model.event import Entry
from hub.sdk.times import iso

__all__ = ["standard_body"]

_YEAR_10000_MS: Final = 253_402_300_800_000
_OUTSIDE = re.compile(r"[^A-Za-z0-9_.]+")
_TYPE_CHARS: Final = 200


def standard_body(entry: Entry) -> bytes:
    """`type` is the vendor's event name in the standard's characters, `timestamp` the event's own time."""
    header = entry.header
    kind = _OUTSIDE.sub("_", header.code[:_TYPE_CHARS]).strip(".") or "event"
    lead = orjson.dumps({"type": kind, "timestamp": iso(_moment(header.time_ms))})
    return b"".join((lead[:-1], b',"data":', entry.body, b"}"))


def _moment(ms: int) -> int:
    """A hostile time is cut to what can be written down; `data.time` still says what the vendor said."""
    return min(max(ms, 0), _YEAR_10000_MS - 1)
