"""One vendor object becomes one OCSF event, serialised once; what no mapper can read becomes a base event."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from hub.model.event import Event, Header
from hub.model.ids import event_uid, uid_text
from hub.model.ocsf import OcsfEvent, base_event
from hub.model.ocsf_objects import Fingerprint, Metadata, Product
from hub.sdk.jsontext import more_than
from hub.sdk.source import Item, Mapped, SourceSpec
from hub.sdk.times import parse_ms

__all__ = [
    "HASHED_FROM",
    "MAX_CODE",
    "MAX_DEPTH",
    "NOT_UTF8",
    "Normalised",
    "TooMany",
    "normalise",
    "normalise_body",
]

HASHED_FROM = 64 * 1024
"""Raw payloads of at least this many bytes also carry their size and SHA-256."""
MAX_DEPTH = 32
"""What lies deeper in `unmapped` is left to `raw_data`: strict parsers and OpenSearch refuse deep nesting."""
MAX_CODE = 200
"""Longer event names are cut, characters."""
NOT_UTF8 = "raw_data_not_utf8"
"""Label: `raw_data` shows replacement characters; `unmapped.raw_data_base64` has the bytes."""
_SHOWN_NOT_UTF8 = 64 * 1024
_MAX_INT = 2**63
_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_LONG_NUMBER = b"0" * 19
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Normalised:
    """An event and whether it was understood."""

    event: Event
    unmapped_reason: str | None
    """Why it became a base event; `None` when a mapper took it."""


class TooMany(ValueError):
    """One body holds more events than are taken at once."""


def normalise_body(
    spec: SourceSpec, tenant: str, source: str, body: bytes, received_ms: int, *, max_events: int = 2**31
) -> list[Normalised]:
    """Map a verified webhook body: one event per vendor object in it.

    Raises `TooMany`, before anything is built of them (350,000 empty objects fit into 1 MiB); nothing else,
    whatever is in it.
    """
    if body.count(b",") >= max_events and more_than(max_events, body):
        raise TooMany(f"more than {max_events} events in one body")
    try:
        items = spec.split(body)
    except Exception as error:
        # A body that is no JSON, or not the vendor's: it is signed, so it is kept whole.
        item = Item(code="", payload={}, raw=body)
        event = _finish(spec, tenant, source, item, received_ms, _unknown(item, "unparsable"))
        return [Normalised(event, f"the body cannot be parsed: {_clean(str(error))[:MAX_CODE]}")]
    if len(items) > max_events:
        raise TooMany(f"{len(items)} events in one body")
    return [
        normalise(spec, tenant=tenant, source=source, item=item, received_ms=received_ms) for item in items
    ]


def normalise(spec: SourceSpec, *, tenant: str, source: str, item: Item, received_ms: int) -> Normalised:
    """Map one item. Never raises on what a vendor can send."""
    mapper = spec.mappers.get(item.code) or spec.families.get(item.code.partition(".")[0])
    if mapper is None:
        code = _clean(item.code[:MAX_CODE])
        reason = f"no mapper for {code!r}" if code else "the payload names no event"
        return Normalised(_finish(spec, tenant, source, item, received_ms, _unknown(item)), reason)
    try:
        event = _finish(spec, tenant, source, item, received_ms, mapper(item.payload))
    except Exception as error:
        # Whatever a mapper stumbles over, the payload is kept and the reason is counted.
        reason = f"{type(error).__name__}: {_clean(str(error))[:MAX_CODE]}"
        return Normalised(_finish(spec, tenant, source, item, received_ms, _unknown(item)), reason)
    return Normalised(event, None)


def _unknown(item: Item, word: str = "unknown") -> Mapped:
    payload = item.payload
    time = next((parse_ms(payload[name]) for name in ("timestamp", "time", "ts") if name in payload), None)
    vendor_id = payload.get("id")
    event = base_event(
        item.code[:MAX_CODE] or word,
        time=time,
        metadata=Metadata(original_event_uid=vendor_id if isinstance(vendor_id, str) and vendor_id else None),
        unmapped=dict(payload) or None,
    )
    return Mapped(kind="unknown", key=(sha256(item.raw).hexdigest(),), event=event)


def _finish(
    spec: SourceSpec, tenant: str, source: str, item: Item, received_ms: int, mapped: Mapped
) -> Event:
    uid = event_uid((tenant, source, mapped.kind, *mapped.key))
    event = mapped.event
    if event.time is None:
        event.time = received_ms
    code = _clean(item.code[:MAX_CODE]) or "unknown"
    metadata = event.metadata
    metadata.uid = uid_text(uid)
    metadata.tenant_uid = tenant
    metadata.event_code = code
    metadata.log_provider = source
    metadata.logged_time = received_ms
    if metadata.product is None:
        metadata.product = spec.product or Product(name=spec.title)
    _keep_raw(event, item.raw)
    header = Header(
        tenant,
        source,
        event.class_uid,
        code,
        event.severity_id,
        _clean(mapped.domain),
        event.time,
        received_ms,
    )
    return Event(uid, header, _serialise(event, item.raw))


def _keep_raw(event: OcsfEvent, raw: bytes) -> None:
    try:
        event.raw_data = raw.decode()
    except UnicodeDecodeError:
        event.raw_data = raw[:_SHOWN_NOT_UTF8].decode(errors="replace")
        event.metadata.labels = [*(event.metadata.labels or ()), NOT_UTF8]
        event.unmapped = {**(event.unmapped or {}), "raw_data_base64": base64.b64encode(raw).decode("ascii")}
    else:
        if len(raw) < HASHED_FROM:
            return
    event.raw_data_size = len(raw)
    event.raw_data_hash = Fingerprint(algorithm_id=3, algorithm="SHA-256", value=sha256(raw).hexdigest())


def _serialise(event: OcsfEvent, raw: bytes) -> bytes:
    if event.unmapped and _is_awkward(raw):
        event.unmapped = _bounded(event.unmapped, MAX_DEPTH)
    try:
        return _encode(event)
    except UnicodeEncodeError:  # a lone surrogate: JSON may hold one, UTF-8 may not
        return _encode(_without_surrogates(msgspec.to_builtins(event)))


def _is_awkward(raw: bytes) -> bool:
    """Whether it may be nested deeply or hold huge integers; bytes are looked at faster than objects."""
    return raw.count(b"{") + raw.count(b"[") > MAX_DEPTH or _LONG_NUMBER in raw.translate(_DIGITS)


def _clean(text: str) -> str:
    """The text with lone surrogates replaced; nearly always the text itself."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _bounded(value: Any, depth: int) -> Any:
    """A copy without what other parsers choke on: deep nesting, integers over 64 bits."""
    if isinstance(value, dict | list) and depth == 0:
        return f"(nested deeper than {MAX_DEPTH}: see raw_data)"
    if isinstance(value, dict):
        return {name: _bounded(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_bounded(inner, depth - 1) for inner in value]
    if isinstance(value, int) and not -_MAX_INT <= value < _MAX_INT:
        return str(value)
    return value


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, Mapping):
        return {_clean(str(name)): _without_surrogates(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_surrogates(inner) for inner in value]
    return value
