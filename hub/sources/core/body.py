"""A webhook's body, cut into its events."""

from collections.abc import Mapping, Sequence
from typing import Any

from hub.sdk.jsontext import decode
from hub.sdk.source import Item

__all__ = ["item_of", "split"]


def item_of(payload: Mapping[str, Any], raw: bytes) -> Item:
    code = payload.get("event")
    return Item(code=code if isinstance(code, str) else "", payload=payload, raw=raw)


def split(body: bytes) -> Sequence[Item]:
    """One object. Raises `ValueError` for anything else."""
    payload = decode(body)
    if not isinstance(payload, dict):
        raise ValueError("a webhook of the core is a JSON object")  # noqa: TRY004  # data, no defect
    return (item_of(payload, body),)
