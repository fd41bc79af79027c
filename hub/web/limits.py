"""Every request counts, whatever it asks for, and every answer tells how the caller's limits stand."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol, runtime_checkable

from aiohttp import web
from aiohttp.typedefs import Middleware

from hub.access.limiter import Budget

__all__ = ["BUDGET", "Counts", "everywhere", "limit_headers", "tell_limits"]

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


@runtime_checkable
class Counts(Protocol):
    """`hub.web.gate.Gate`."""

    async def admit(self, request: web.Request, /) -> None:
        """Count the request. Raises `RateLimited`, `ServiceUnavailable`."""
        ...


def everywhere(gate: Callable[[], object], prefix: str = "/") -> Middleware:
    """Counts every request below `prefix`: paths and methods that miss too, and what is open to all.

    It stands inside of what turns errors into answers. `gate` is asked at each request; where it `Counts`
    nothing, neither does this.
    """

    @web.middleware
    async def count(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        found = gate() if request.path.startswith(prefix) else None
        if isinstance(found, Counts):
            await found.admit(request)
        return await handler(request)

    return count
