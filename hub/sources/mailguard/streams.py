"""What is polled: the audit log by cursor, the quarantine by offset (docs.netcell-mailguard.de/en/api)."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.sdk.cursor_walk import CursorWalk
from hub.sdk.offset_walk import OffsetWalk
from hub.sdk.source import Item, Stream
from hub.sdk.times import parse_ms
from hub.sources.mailguard.audit import audit_code
from hub.sources.mailguard.envelope import TIME_FIELDS

__all__ = ["LOOKBACK_S", "STREAMS"]

LOOKBACK_S = 86_400.0
_ARRIVED = ("arrived_at", "received_at", "arrival_time")


def _first_time(payload: Mapping[str, Any], names: Sequence[str]) -> int | None:
    times = (parse_ms(payload.get(name)) for name in names)
    return next((time for time in times if time is not None), None)


def _held_key(payload: Mapping[str, Any]) -> str:
    return "\n".join(str(payload.get(name)) for name in ("node_id", "queue_id", *_ARRIVED))


AUDIT = CursorWalk(
    path="/audit/logs",
    item=lambda payload, raw: Item(code=audit_code(payload), payload=payload, raw=raw),
    time_of=lambda payload: _first_time(payload, TIME_FIELDS),
)
QUARANTINE = OffsetWalk(
    path="/mail/quarantine",
    item=lambda payload, raw: Item(code="quarantine.added", payload=payload, raw=raw),
    time_of=lambda payload: _first_time(payload, _ARRIVED),
    key_of=_held_key,
)

STREAMS = tuple(
    Stream(
        name=name,
        fetch=walk.fetch(),
        lookback=walk.fetch(LOOKBACK_S),
        lookback_s=LOOKBACK_S,
        lookback_of=walk.fetch,
    )
    for name, walk in (("audit", AUDIT), ("quarantine", QUARANTINE))
)
