"""A webhook body of MailGuard, cut into its events."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hub.sdk.jsontext import decode, elements
from hub.sdk.source import Item

__all__ = ["EVENT_FIELDS", "ID_FIELDS", "splitter"]

EVENT_FIELDS = ("event", "type", "event_type")
ID_FIELDS = ("id", "event_id", "delivery_id")


def splitter(
    event_fields: Sequence[str] = EVENT_FIELDS, id_fields: Sequence[str] = ID_FIELDS
) -> Callable[[bytes], Sequence[Item]]:
    """Make `split` for the field names of an installation; mappers always see `event` and `id`."""
    renamed = tuple((name, "event") for name in event_fields if name not in EVENT_FIELDS)
    renamed += tuple((name, "id") for name in id_fields if name not in ID_FIELDS)

    def split(body: bytes) -> Sequence[Item]:
        """One object, or an array of them. Raises `ValueError` when the body is neither."""
        payload = decode(body)
        if isinstance(payload, dict):
            return (_item(payload, body),)
        if isinstance(payload, list):
            return tuple(_item(part, raw) for part, raw in zip(payload, elements(body), strict=True))
        raise ValueError(f"a webhook body is a JSON object or an array of them, not {type(payload).__name__}")

    def _item(payload: Any, raw: bytes) -> Item:
        if not isinstance(payload, dict):
            return Item(code="", payload={"value": payload}, raw=raw)
        if renamed:
            payload = _rename(payload, renamed)
        return Item(code=_code(payload, event_fields), payload=payload, raw=raw)

    return split


def _rename(payload: Mapping[str, Any], renamed: Sequence[tuple[str, str]]) -> dict[str, Any]:
    result = dict(payload)
    for name, to in renamed:
        if name in result and to not in result:
            result[to] = result.pop(name)
    return result


def _code(payload: Mapping[str, Any], event_fields: Sequence[str]) -> str:
    for name in ("event", *event_fields):
        value = payload.get(name)
        if isinstance(value, str) and value:
            return value
    return ""
