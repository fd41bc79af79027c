"""How the caller's limits stand, told on every answer."""

from collections.abc import Callable, Mapping
from typing import Final

from aiohttp import web

from hub.access.limiter import Budget

__all__ = ["BUDGET", "limit_headers", "tell_limits"]

BUDGET: Final = web.RequestKey("budget", Budget)
"""How the caller's limits stand; not there for callers without any."""


def limit_headers(budget: Budget) -> Mapping[str, str]:
    """`X-RateLimit-Limit`, `-Remaining` and `-Reset` (epoch seconds) of the tightest window."""
    tightest = budget.tightest
    if tightest is None:
        return {}
    return {
        "X-RateLimit-Limit": str(tightest.window.capacity),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": str(-(-(budget.now_ms + tightest.full_ms) // 1000)),
    }


def tell_limits(app: web.Application, headers: Callable[[Budget], Mapping[str, str]] = limit_headers) -> None:
    """Add the headers to every answer of the application, errors and streams too."""

    async def tell(request: web.Request, response: web.StreamResponse) -> None:
        if BUDGET in request:
            response.headers.update(headers(request[BUDGET]))

    app.on_response_prepare.append(tell)
