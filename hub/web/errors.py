"""What a handler raises; `hub.web.middleware` alone turns it into an answer.

ApiError
  +- ValidationFailed    400  a parameter or the body does not hold
  +- Unauthorized        401  no key, or one that is not known
  +- Forbidden           403  the key lacks the scope
  |    +- CsrfFailed     403  a session's unsafe request without its token
  +- NotFound            404
  +- MethodNotAllowed    405
  +- Conflict            409  the state moved on, or the name is taken
  +- CursorExpired       410  the place to go on from is gone
  +- PreconditionFailed  412  what `If-Match` names is not what is there
  +- PayloadTooLarge     413
  +- RangeNotSatisfiable 416  the bytes asked for are not there (yet)
  +- RateLimited         429  later
  +- InternalError       500  a defect of ours
  +- UpstreamFailed      502  what we asked on the caller's behalf failed
  +- ServiceUnavailable  503  later

Codes and statuses: `reference/vendors.md` section 4.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

__all__ = [
    "ApiError",
    "Conflict",
    "CsrfFailed",
    "CursorExpired",
    "Detail",
    "Forbidden",
    "InternalError",
    "MethodNotAllowed",
    "NotFound",
    "PayloadTooLarge",
    "PreconditionFailed",
    "RangeNotSatisfiable",
    "RateLimited",
    "ServiceUnavailable",
    "Unauthorized",
    "UpstreamFailed",
    "ValidationFailed",
]

Detail = Mapping[str, Any]


class ApiError(Exception):
    """Root of what a handler may raise on purpose.

    `details` go to the caller as they are: one mapping a field or item that is at fault. `headers` are added
    to the answer (`Retry-After`, `Allow`, `WWW-Authenticate`).
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "INTERNAL_ERROR"

    def __init__(
        self, message: str, *, details: Sequence[Detail] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = tuple(details)
        self.headers = dict(headers or {})


class ValidationFailed(ApiError):
    status, code = 400, "VALIDATION_ERROR"

    @classmethod
    def of(cls, field: str, message: str) -> "ValidationFailed":
        """One field at fault, for checks that a model cannot express."""
        return cls(f"{field}: {message}", details=[{"field": field, "message": message}])


class Unauthorized(ApiError):
    status, code = 401, "UNAUTHORIZED"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers={"WWW-Authenticate": 'Bearer realm="mxhub"'})


class Forbidden(ApiError):
    status, code = 403, "FORBIDDEN"


class CsrfFailed(Forbidden):
    status, code = 403, "CSRF_FAILED"


class NotFound(ApiError):
    status, code = 404, "NOT_FOUND"


class MethodNotAllowed(ApiError):
    status, code = 405, "METHOD_NOT_ALLOWED"


class Conflict(ApiError):
    status, code = 409, "CONFLICT"


class CursorExpired(ApiError):
    status, code = 410, "CURSOR_EXPIRED"


class PreconditionFailed(ApiError):
    status, code = 412, "PRECONDITION_FAILED"


class PayloadTooLarge(ApiError):
    status, code = 413, "PAYLOAD_TOO_LARGE"


class RangeNotSatisfiable(ApiError):
    status, code = 416, "RANGE_NOT_SATISFIABLE"

    def __init__(self, size: int) -> None:
        message = f"The range begins at or after the end: there are {size} bytes now."
        super().__init__(message, headers={"Content-Range": f"bytes */{size}"})


class _Later(ApiError):
    def __init__(self, message: str, *, retry_after_s: int = 5, details: Sequence[Detail] = ()) -> None:
        super().__init__(message, details=details, headers={"Retry-After": str(retry_after_s)})


class RateLimited(_Later):
    status, code = 429, "RATE_LIMITED"


class InternalError(ApiError):
    status, code = 500, "INTERNAL_ERROR"


class UpstreamFailed(ApiError):
    status, code = 502, "UPSTREAM_ERROR"


class ServiceUnavailable(_Later):
    status, code = 503, "SERVICE_UNAVAILABLE"
