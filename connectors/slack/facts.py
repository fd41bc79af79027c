"""An alert whose every text is harmless and every number can be written down."""

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from connectors.slack.escape import fact
from hub.sdk.alerts import Alert

__all__ = ["facts_of"]

_MOST_NUMBER = 10**15
_MOST_ITEMS = 100
_NAME_CHARS = 100
_OURS = ("kind", "title", "event_id")


def facts_of(alert: Alert) -> Alert:
    """The alert as templates get it."""
    found = {field.name: getattr(alert, field.name) for field in fields(alert) if field.name not in _OURS}
    return replace(alert, **{name: _harmless(value) for name, value in found.items()})


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        return fact(value)
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {fact(key, _NAME_CHARS): fact(text) for key, text in pairs}
    if isinstance(value, tuple | list):
        return [fact(text) for text in value[:_MOST_ITEMS]]
    return _number(value)


def _number(value: float | None) -> float | None:
    """Numbers that a destination can read as such; anything beyond is cut to a limit."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return min(max(value, -_MOST_NUMBER), _MOST_NUMBER)
