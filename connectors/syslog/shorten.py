"""An OCSF event as JSON that has to fit: less and less of it, always marked, JSON while that is possible.

What is left says `metadata.is_truncated` and, in `metadata.untruncated_size`, its whole size in bytes (both
OCSF 1.8). The whole event stays in mxhub's archive under the same id.
"""

import json
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from connectors.syslog.cut import CUT, cut
from hub.sdk.jsontext import decode

__all__ = ["escape_del", "shorten"]

_FIRST: Final = ("raw_data", "unmapped")
_MARKS: Final = ("is_truncated", "untruncated_size")
_KEPT: Final = frozenset(
    {
        *("class_uid", "category_uid", "activity_id", "activity_name", "type_uid", "severity_id", "severity"),
        *("time", "metadata", "message", "action_id", "disposition_id", "disposition", "status_id"),
        *("is_alert", "direction_id", "from", "to", "email", "user", "src_endpoint"),
        *("finding_info", "compliance"),
    }
)
"""What a reader or an alert rule needs most; the rest goes by size, the largest first."""
_CORE: Final = frozenset(
    {"class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "time", "metadata", "message"}
)
_PARTS: Final = {
    "metadata": {"version", "uid", "tenant_uid", "event_code", "log_provider", *_MARKS},
    "email": {"subject", "message_uid"},
}
"""What is left of large objects in the end; a mail's addresses stand beside `email` too."""
_MAX_TEXT: Final = 120
_MAX_ITEMS: Final = 3
_MAX_DEPTH: Final = 6


def shorten(body: bytes, room: int) -> bytes:
    """At most `room` bytes of an event that has more.

    In this order until it fits: without `raw_data`; without `unmapped`; without the largest of what is not
    essential; long texts cut to 120 characters and lists to 3 items; without the largest of the rest, down to
    class, time, severity, message and identity; and at last the text itself cut. Never inside a character.
    """
    try:
        event = decode(body)
        if isinstance(event, dict):
            for less in _lesser(event, len(body), room):
                raw = _encode(less)
                if len(raw) <= room:
                    return raw
    except (ValueError, RecursionError):
        pass  # no JSON object that can be written again: its text is all there is to cut
    return cut(body.decode("utf-8", "replace"), room)


def _lesser(event: dict[str, Any], size: int, room: int) -> Iterator[dict[str, Any]]:
    metadata = event.get("metadata")
    marks = dict(zip(_MARKS, (True, size), strict=True))
    event = {**event, "metadata": {**(metadata if isinstance(metadata, dict) else {}), **marks}}
    for name in _FIRST:
        if event.pop(name, None) is not None:
            yield event
    yield _without_largest(event, room, _KEPT)
    event = {name: _trimmed(_part(name, value), 0) for name, value in event.items() if name in _KEPT}
    yield _without_largest(event, room, _CORE)


def _without_largest(event: dict[str, Any], room: int, kept: frozenset[str]) -> dict[str, Any]:
    sizes = {name: len(_encode({name: value})) for name, value in event.items()}
    left = sum(sizes.values())
    for name in sorted(sizes.keys() - kept, key=lambda name: (-sizes[name], name)):
        if left <= room:
            break
        left -= sizes[name]
        del sizes[name]
    return {name: value for name, value in event.items() if name in sizes}


def _part(name: str, value: Any) -> Any:
    wanted = _PARTS.get(name)
    if wanted is None or not isinstance(value, dict):
        return value
    return {key: each for key, each in value.items() if key in wanted}


def _trimmed(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + CUT
    if isinstance(value, list):
        return [_trimmed(each, depth + 1) for each in value[:_MAX_ITEMS]] if depth < _MAX_DEPTH else []
    if isinstance(value, dict):
        return {key: _trimmed(each, depth + 1) for key, each in value.items()} if depth < _MAX_DEPTH else {}
    return value


def _encode(value: Any) -> bytes:
    """As it came: what only Python's parser takes (lone surrogates, huge numbers) only its writer writes."""
    try:
        raw = msgspec.json.encode(value)
    except (UnicodeError, OverflowError, ValueError, TypeError):
        raw = json.dumps(value, separators=(",", ":")).encode()
    return escape_del(raw)


def escape_del(raw: bytes) -> bytes:
    """JSON without a bare DEL, which it may hold and receivers rewrite as they do all control characters."""
    return raw.replace(b"\x7f", b"\\u007f") if b"\x7f" in raw else raw
