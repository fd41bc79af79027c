"""What the core's parts raise, in the API's terms."""

from collections.abc import Callable

from core.store.database import Unavailable
from core.upstream import errors as upstream
from hub.access.limiter import LimiterDown
from hub.web.errors import (
    ApiError,
    Conflict,
    NotFound,
    RateLimited,
    ServiceUnavailable,
    UpstreamFailed,
    ValidationFailed,
)

__all__ = ["translate"]


def _refused(error: upstream.Refused) -> ApiError:
    if not error.field:
        return ValidationFailed(str(error))
    return ValidationFailed.of(error.field, str(error).removeprefix(f"{error.field}: "))


def _limited(error: upstream.RateLimited) -> ApiError:
    return RateLimited(f"The provider asks to wait: {error}", retry_after_s=max(int(error.retry_after_s), 1))


_TABLE: tuple[tuple[type[Exception], Callable[..., ApiError]], ...] = (
    (Unavailable, lambda _: ServiceUnavailable("The database cannot be used now.")),
    (LimiterDown, lambda _: ServiceUnavailable("Requests cannot be counted now.")),
    (upstream.NotThere, lambda error: NotFound(str(error))),
    (upstream.Conflict, lambda error: Conflict(str(error))),
    (upstream.Refused, _refused),
    (upstream.RateLimited, _limited),
    (upstream.ProviderError, lambda error: UpstreamFailed(str(error))),
)


def translate(error: Exception) -> ApiError | None:
    """`None` when it is none of theirs."""
    for kind, make in _TABLE:
        if isinstance(error, kind):
            return make(error)
    return None
