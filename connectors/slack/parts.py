"""What templates can call: the parts that all alerts share, each a piece of Block Kit."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hub.sdk.alerts import Alert

__all__ = ["EVENT_ID", "functions"]

EVENT_ID = "{event_id}"
_NAMED = 3
_MOMENT = "{date_short_pretty} {time}"
_DOT = " · "


def functions(details_url: str | None) -> Mapping[str, Callable[..., Any]]:
    """By the name under which templates call them."""

    def foot(alert: Alert, *notes: str) -> dict[str, Any]:
        return _foot(alert, notes, details_url)

    return {
        "summary": _summary,
        "head": _head,
        "facts": _facts,
        "foot": foot,
        "several": _several,
        "when": _when,
        "joined": _joined,
    }


def _joined(*parts: str | float | None) -> str:
    """Those that are there, with a dot between them."""
    return _DOT.join(str(part) for part in parts if part not in (None, ""))


def _summary(alert: Alert, *parts: str | None) -> str:
    """The line of a notification."""
    return _joined(alert.severity, alert.title, *parts)


def _head(alert: Alert, text: str = "") -> dict[str, Any]:
    """A header: how severe, and what happened."""
    return {"type": "header", "text": _plain(_joined(alert.severity, text or alert.title))}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _facts(rows: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Lines of a bold name and a value, without those that have none. A value is a text, a number, or what
    `when` gave.
    """
    shown = [(name, value) for name, value in rows if value not in (None, "")]
    elements: list[dict[str, Any]] = []
    for at, (name, value) in enumerate(shown):
        lead = "\n" if at else ""
        elements.append({"type": "text", "text": f"{lead}{name}: ", "style": {"bold": True}})
        elements.append(value if isinstance(value, dict) else {"type": "text", "text": str(value)})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _several(texts: Sequence[str], most: int = _NAMED) -> str:
    """`a, b, c and 4 more`."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def _moment(time_ms: float | None) -> tuple[int, str] | None:
    """Epoch seconds, and the same in words; `None` for what no calendar holds."""
    if time_ms is None:
        return None
    try:
        moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return int(moment.timestamp()), f"{moment:%Y-%m-%d %H:%M} UTC"


def _when(time_ms: float | None) -> dict[str, Any] | str:
    """A moment that each reader sees on their own clock."""
    moment = _moment(time_ms)
    if moment is None or moment[0] < 0:
        return "" if moment is None else moment[1]
    return {"type": "date", "timestamp": moment[0], "format": _MOMENT, "fallback": moment[1]}


def _foot(alert: Alert, notes: Sequence[str], details_url: str | None) -> dict[str, Any]:
    """Small print: when, from where, whose, which event, and where to look further."""
    moment = _moment(alert.time_ms)
    tenant = f"tenant {alert.tenant}" if alert.tenant else ""
    origin = _joined(alert.product, alert.source, tenant, *notes)
    elements = [_plain(text) for text in (origin, f"event {alert.event_id}") if text]
    if moment is not None and moment[0] >= 0:
        elements.insert(0, _markup(f"<!date^{moment[0]}^{_MOMENT}|{moment[1]}>"))
    if details_url is not None:
        link = details_url.replace(EVENT_ID, alert.event_id).replace("&", "&amp;")
        elements.append(_markup(f"<{link}|Details>"))
    return {"type": "context", "elements": elements}


def _markup(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
