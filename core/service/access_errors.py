"""What `hub.access` raises, in the terms of every API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from hub.access.directory import LastAdmin, LoginTaken, NoSuchAccount, TenantTaken
from hub.access.keyring import NoSuchKey
from hub.access.oidc import OidcRefused, ProviderDown
from hub.access.sessions import NoSession
from hub.access.sign_in import SignInRefused, TooManyAttempts
from hub.access.totp import AlreadyEnrolled, WrongCode
from hub.web.errors import (
    ApiError,
    Conflict,
    NotFound,
    RateLimited,
    Unauthorized,
    UpstreamFailed,
    ValidationFailed,
)

__all__ = ["access_errors"]


def _limited(error: TooManyAttempts) -> ApiError:
    return RateLimited(str(error), retry_after_s=max(error.retry_after_s, 1))


def _of_field(error: ValueError) -> ApiError:
    """`hub.access` begins what it says with the field that is at fault."""
    field, colon, message = str(error).partition(": ")
    if colon and field.isidentifier():
        return ValidationFailed.of(field, message)
    return ValidationFailed(str(error))


_TABLE: Final[tuple[tuple[type[Exception], Callable[..., ApiError]], ...]] = (
    (NoSuchKey, lambda _: NotFound("There is no such API key.")),
    (NoSuchAccount, lambda _: NotFound("There is no such account.")),
    (LoginTaken, lambda error: Conflict(str(error))),
    (TenantTaken, lambda error: Conflict(str(error))),
    (LastAdmin, lambda error: Conflict(str(error))),
    (AlreadyEnrolled, lambda error: Conflict(str(error))),
    (WrongCode, lambda error: ValidationFailed.of("code", str(error))),
    (SignInRefused, lambda error: Unauthorized(str(error))),
    (NoSession, lambda error: Unauthorized(str(error))),
    (TooManyAttempts, _limited),
    (OidcRefused, lambda _: Unauthorized("The provider's answer does not hold: begin again.")),
    (ProviderDown, lambda _: UpstreamFailed("The identity provider cannot be used now.")),
    (ValueError, _of_field),
)


@contextmanager
def access_errors() -> Iterator[None]:
    """Around every call of `hub.access`."""
    try:
        yield
    except ApiError:
        raise
    except Exception as error:
        for kind, make in _TABLE:
            if isinstance(error, kind):
                raise make(error) from error
        raise
