"""Routes that will go: told on every answer of theirs, and in the description."""

from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from email.utils import formatdate
from typing import Final

from aiohttp import web

__all__ = ["DEPRECATED", "Deprecated", "tell_deprecated"]

_NOTICE: Final = timedelta(days=182)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecated:
    """From `since` on nobody should begin to use it; from `sunset` on it may be gone.

    Raises `ValueError` where there are less than six months in between.
    """

    since: date
    sunset: date | None = None
    instead: str = ""
    """The path of what takes its place."""

    def __post_init__(self) -> None:
        if self.sunset is not None and self.sunset - self.since < _NOTICE:
            raise ValueError(f"sunset: {_NOTICE.days} days after {self.since} at the earliest")

    def headers(self) -> Mapping[str, str]:
        """`Deprecation` (RFC 9745 section 2), `Sunset` (RFC 8594 section 3), `Link` to the successor."""
        found = {"Deprecation": f"@{timegm(self.since.timetuple())}"}
        if self.sunset is not None:
            found["Sunset"] = formatdate(timegm(self.sunset.timetuple()), usegmt=True)
        if self.instead:
            found["Link"] = f'<{self.instead}>; rel="successor-version"'
        return found


DEPRECATED: Final = web.RequestKey("deprecated", Deprecated)


async def tell_deprecated(request: web.Request, response: web.StreamResponse) -> None:
    """A signal `on_response_prepare`: errors carry the headers too."""
    if DEPRECATED in request:
        response.headers.update(request[DEPRECATED].headers())
