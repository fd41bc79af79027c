"""The hub's own health, as events like any other: what is blocked, silent, full or lost.

An internal source: no webhooks, no polls. The hub makes the payloads itself: `{"code", "time_ms",
"message"}` and what is concerned, `connector`, `stream`, `source` or `subject`. Each transition is an event
of its own, because its time in milliseconds is part of its identity.

Digests and storms are events that one connector is told of by their number only. They are recorded nowhere:
the connector alone gets them, made of `{"code", "connector", "number", "time_ms", "count", "first_ms",
"last_ms", "severity_id", "codes", "storms", "about"}`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

import msgspec

from hub.model.ocsf import application_error, application_lifecycle, detection_finding, entity_management
from hub.model.ocsf_objects import FindingInfo, ManagedEntity, Metadata, Product
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
    "hub.log_rolled_back",
    "hub.disk_low",
    "hub.dedupe_window_short",
    "hub.retention_ended_owed",
    "hub.retention_near_owed",
    "hub.tenant_erased",
    "hub.digest_refused",
]

_CONCERNED = ("connector", "stream", "source", "subject")
_PRODUCT = Product(name="mxhub", vendor_name="mxhub")
_ENABLED = 6
_DELETED = 4


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
    "hub.log_rolled_back": _Trouble(5, "The log's server lost events that it had acknowledged"),
    "hub.disk_low": _Trouble(4, "Free disk is low; below the reserve nothing is accepted"),
    "hub.dedupe_window_short": _Trouble(
        3, "Repeats are recognised for less time than the look-backs of polls"
    ),
    "hub.retention_ended_owed": _Trouble(4, "Retention ended events that connector {subject} was still owed"),
    "hub.retention_near_owed": _Trouble(
        4, "Retention by size will soon end events that connector {subject} is still owed"
    ),
    "hub.tenant_erased": _Trouble(1, "Tenant {subject} was erased", is_recovery=True),
    "hub.digest_refused": _Trouble(3, "Connector {subject} refused a digest of events it did not get"),
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
    if code == "hub.tenant_erased":
        entity = ManagedEntity(type_id=99, type="Tenant", name=subject)
        event = entity_management(_DELETED, entity=entity, **common)
    elif trouble.is_recovery:
        event = application_lifecycle(_ENABLED, app=_PRODUCT, **common)
    else:
        event = application_error(1, **common)
    return Mapped(kind="health", key=(code, subject, str(time_ms)), event=event)


def _mapper(code: HealthCode) -> Callable[[Payload], Mapped]:
    return partial(_map, code)


class _Told(msgspec.Struct, frozen=True):
    """The payload of a digest. Anything else than exactly this is refused."""

    code: str
    connector: str
    number: Annotated[int, msgspec.Meta(ge=1)]
    time_ms: Annotated[int, msgspec.Meta(ge=0)]
    count: Annotated[int, msgspec.Meta(ge=1)]
    first_ms: Annotated[int, msgspec.Meta(ge=0)]
    last_ms: Annotated[int, msgspec.Meta(ge=0)]
    severity_id: Annotated[int, msgspec.Meta(ge=0, le=6)]
    codes: dict[str, Annotated[int, msgspec.Meta(ge=1)]]
    storms: Annotated[int, msgspec.Meta(ge=1)]
    about: Annotated[list[dict[str, str | int]], msgspec.Meta(min_length=1)]

    @property
    def key(self) -> tuple[str, ...]:
        """Its number begins with one again when a connector is forgotten and made anew: the time tells."""
        return self.connector, str(self.number), str(self.time_ms)

    def common(self) -> dict[str, Any]:
        """Attributes that digests and storms share."""
        return {
            "time": self.time_ms,
            "count": self.count,
            "start_time": self.first_ms,
            "end_time": self.last_ms,
            "metadata": Metadata(correlation_uid=f"{self.code}/{self.connector}"),
            "unmapped": {"subject": self.connector, "codes": self.codes},
        }


def _map_digest(payload: Payload) -> Mapped:
    """Alerts that were too old to be sent: the hub failed to tell of them in time."""
    told = msgspec.convert(payload, _Told)
    age = _span(max(int(one["max_age_ms"]) for one in told.about))
    event = application_error(
        1,
        **told.common(),
        severity_id=max(told.severity_id, 3),
        status_id=2,
        message=f"{_alerts(told.count)} older than {age} {_were(told.count)} not sent while connector "
        f"{told.connector} could not deliver: {_listed(told.codes)}",
    )
    return Mapped(kind="digest", key=told.key, event=event)


def _map_storm(payload: Payload) -> Mapped:
    """Alerts of one kind about one sender or domain, after the first few of them were sent."""
    told = msgspec.convert(payload, _Told)
    names = [_storm_name(one) for one in told.about]
    named = ", ".join(names) + (f" and {told.storms - len(names)} more" if told.storms > len(names) else "")
    common = told.common()
    if told.storms == 1:
        common["unmapped"] |= told.about[0]
    finding = FindingInfo(
        uid="/".join(told.key),
        title="Many alerts of one kind",
        first_seen_time=told.first_ms,
        last_seen_time=told.last_ms,
    )
    event = detection_finding(
        1,
        **common,
        severity_id=told.severity_id,
        message=f"{_alerts(told.count, 'more ')} of {named}: {_listed(told.codes)}",
        finding_info=finding,
    )
    domain = str(told.about[0].get("domain", "")) if told.storms == 1 else ""
    return Mapped(kind="storm", key=told.key, event=event, domain=domain)


def _were(n: int) -> str:
    return "was" if n == 1 else "were"


def _alerts(n: int, more: str = "") -> str:
    return f"{n:,} {more}alert{'' if n == 1 else 's'}"


def _listed(codes: Mapping[str, int]) -> str:
    most = sorted(codes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{n:,} {code}" for code, n in most)


def _storm_name(about: Mapping[str, str | int]) -> str:
    """`{}` is for what was counted when there were too many storms to tell each."""
    by = next((by for by in ("sender", "domain", "code") if by in about), "")
    return f"{by} {about[by]}" if by else "other senders and domains"


def _span(ms: int) -> str:
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if ms >= length and ms % length == 0:
            return f"{ms // length} {unit}"
    return f"{ms / 1000:g} s"


SPEC = SourceSpec(
    vendor="mxhub",
    title="mxhub's own health",
    options=Options,
    schemes=(),
    split=_split,
    mappers={**{code: _mapper(code) for code in CODES}, "hub.digest": _map_digest, "hub.storm": _map_storm},
    product=_PRODUCT,
)
