"""One notification to one Apprise URL, in a thread."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from hub.sdk.http import Guard

if TYPE_CHECKING:
    from core.notify.exchange import Exchange

__all__ = ["SCHEMES", "Note", "Result", "check", "send_now", "shown"]

SCHEMES: Final = frozenset(
    {
        *("discord", "form", "forms", "gotify", "gotifys", "json", "jsons", "join", "mmost", "mmosts"),
        *("ntfy", "ntfys", "opsgenie", "pagerduty", "pbul", "pover", "rocket", "rockets", "slack"),
        *("spush", "tgram", "webex", "wxteams", "workflows", "xml", "xmls", "zulip"),
    }
)
"""Services that are reached by HTTP alone: only that goes through the guard."""
_MODULE: Final = "apprise.plugins."
_TITLE_CHARS, _BODY_CHARS = 200, 4000


@dataclass(frozen=True, slots=True)
class Note:
    """`kind`: info, success, warning, failure."""

    title: str
    body: str
    kind: str = "info"


@dataclass(frozen=True, slots=True)
class Result:
    """`status` is the service's last answer; `None` when there was none."""

    sent: bool
    status: int | None
    error: str


def check(url: str) -> None:
    """Raises `ValueError` for a URL that Apprise cannot read or whose service is not on the list."""
    scheme = url.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise ValueError(f"must be an Apprise URL that begins with one of {', '.join(sorted(SCHEMES))}")
    if _plugin(url) is None:
        raise ValueError(f"is no {scheme} URL that Apprise can read")


def shown(url: str) -> str:
    """The scheme, and the host of services that one runs oneself; all else may be a secret."""
    scheme, _, rest = url.partition("://")
    own = scheme.rstrip("s") in ("json", "xml", "form", "gotify", "mmost", "rocket")
    try:
        host = urlsplit(f"//{rest}").hostname or ""
    except ValueError:
        host = ""
    return f"{scheme}://{host}/..." if own and host else f"{scheme}://..."


def send_now(url: str, note: Note, guard: Guard, deadline_s: float) -> Result:
    """Blocks, `deadline_s` at most from when the sending begins; raises nothing.

    Nothing of the URL is in the result.
    """
    from core.notify.exchange import Exchange

    plugin = _plugin(url)
    if plugin is None:
        return Result(sent=False, status=None, error="Apprise cannot read the URL any more")
    with Exchange(guard, deadline_s, pace_s=plugin.request_rate_per_sec) as exchange:
        if _notify(plugin, note, exchange):
            return Result(sent=True, status=exchange.status, error="")
    said = f"{exchange.status}: not accepted" if exchange.status else "it was not sent"
    return Result(sent=False, status=exchange.status, error=exchange.trouble or said)


def _notify(plugin: Any, note: Note, exchange: "Exchange") -> bool:
    from core.notify.guarded import GUARDED

    sys.modules[type(plugin).__module__].requests = GUARDED  # type: ignore[attr-defined]  # the name that it calls
    plugin.throttle = exchange.pause
    GUARDED.begin(exchange)
    try:
        body, title = note.body[:_BODY_CHARS], note.title[:_TITLE_CHARS]
        return bool(plugin.notify(body, title=title, notify_type=note.kind))
    except Exception as error:  # a plugin is foreign code: whatever it raises, nothing was sent
        exchange.trouble = exchange.trouble or f"{type(error).__name__} in Apprise"
        return False
    finally:
        GUARDED.end()


def _plugin(url: str) -> Any:
    """The plugin for the URL; `None` when there is none, or it would not send by `requests` alone."""
    import apprise

    try:
        found = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    except Exception:  # hostile text must end as a refusal
        return None
    if found is None or not type(found).__module__.startswith(_MODULE):
        return None
    module = sys.modules[type(found).__module__]
    return found if hasattr(module, "requests") and not hasattr(module, "smtplib") else None
