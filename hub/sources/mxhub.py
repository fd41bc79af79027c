"""The hub's own health, as events like any other: what is blocked, silent, full or lost.

An internal source: no webhooks, no polls. The hub makes the payloads itself: `{"code", "time_ms",
"message"}` and what is concerned, `connector`, `stream`, `source` or `subject`. Each transition is an event
of its own, because its time in milliseconds is part of its identity.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from hub.model.ocsf import application_error, application_lifecycle
from hub.model.ocsf_objects import Metadata, Product
from hub.sdk.jsontext import decode
from hub.sdk.options import Options
from hub.sdk.payload import Fields
from hub.sdk.source import Item, Mapped, Payload, SourceSpec

__all__ = ["CODES", "SPEC", "HealthCode"]

HealthCode = Literal[
    "hub.connector_blocked",
    "hub.connector_recovered",
    "hub.source_refused",
    "hub.source_silent",
    "hub.cursor_lost",
    "hub.log_filling",
    "hub.disk_low",
    "hub.dedupe_window_short",
    "hub.retention_ended_owed",
]

_CONCERNED = ("connector", "stream", "source", "subject")
_PRODUCT = Product(name="mxhub", vendor_name="mxhub")
_ENABLED = 6


@dataclass(frozen=True, slots=True)
class _Trouble:
    """`severity_id` and what it says; `{subject}` is the connector, source or stream concerned."""

    severity_id: int
    text: str
    is_recovery: bool = False


_TROUBLES: Mapping[HealthCode, _Trouble] = {
    "hub.connector_blocked": _Trouble(3, "Connector {subject} is blocked; its events wait"),
    "hub.connector_recovered": _Trouble(1, "Connector {subject} delivers again", is_recovery=True),
    "hub.source_refused": _Trouble(4, "Source {subject} refuses our credentials; its polls stand still"),
    "hub.source_silent": _Trouble(3, "Source {subject} has sent nothing for longer than usual"),
    "hub.cursor_lost": _Trouble(3, "Stream {subject} lost its place; entries may be missing"),
    "hub.log_filling": _Trouble(4, "The log is filling up; when it is full, webhooks get 503"),
    "hub.disk_low": _Trouble(4, "Free disk is low; below the reserve nothing is accepted"),
    "hub.dedupe_window_short": _Trouble(
        3, "Repeats are recognised for less time than the look-backs of polls"
    ),
    "hub.retention_ended_owed": _Trouble(4, "Retention ended events that connector {subject} was still owed"),
}
CODES = tuple(_TROUBLES)


def _split(body: bytes) -> tuple[Item, ...]:
    payload = decode(body)
    if not isinstance(payload, dict):
        raise ValueError("a health event is a JSON object")  # noqa: TRY004  # data, no defect
    code = payload.get("code")
    return (Item(code=code if isinstance(code, str) else "", payload=payload, raw=body),)


def _map(code: HealthCode, payload: Payload) -> Mapped:
    trouble = _TROUBLES[code]
    fields = Fields(payload)
    fields.text("code")
    subject = next((word for word in map(fields.text, _CONCERNED) if word), "hub")
    time_ms = fields.integer("time_ms")
    if time_ms is None:
        raise ValueError("a health event without time_ms")
    reason = fields.text("message")
    common: dict[str, Any] = {
        "severity_id": trouble.severity_id,
        "time": time_ms,
        "message": trouble.text.format(subject=subject) + (f": {reason}" if reason else ""),
        "status_id": 1 if trouble.is_recovery else 2,
        "status_detail": reason,
        "metadata": Metadata(correlation_uid=f"{code.partition('_')[0]}/{subject}"),
        "unmapped": {"subject": subject, **(fields.unmapped() or {})},
    }
    if trouble.is_recovery:
        event = application_lifecycle(_ENABLED, app=_PRODUCT, **common)
    else:
        event = application_error(1, **common)
    return Mapped(kind="health", key=(code, subject, str(time_ms)), event=event)


def _mapper(code: HealthCode) -> Callable[[Payload], Mapped]:
    return partial(_map, code)


SPEC = SourceSpec(
    vendor="mxhub",
    title="mxhub's own health",
    options=Options,
    schemes=(),
    split=_split,
    mappers={code: _mapper(code) for code in CODES},
    product=_PRODUCT,
)
