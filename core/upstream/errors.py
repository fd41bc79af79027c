"""What a provider may answer, named by what the caller must do.

```
ProviderError
├── NotAuthorised   the credentials are wrong or may not do this: an operator must act
├── NotThere        the zone, domain or item does not exist
├── Conflict        it exists already, or stands in the way of another record
├── Refused         the request is not acceptable as it is; `field` says what, when known
├── RateLimited     wait `retry_after_s`, then the same call is fine
└── Unavailable     no answer, or a failure of theirs; a write may have happened: look before repeating
```
"""

__all__ = [
    "Conflict",
    "NotAuthorised",
    "NotThere",
    "ProviderError",
    "RateLimited",
    "Refused",
    "Unavailable",
]


class ProviderError(Exception):
    """A provider did not do what was asked. `str()` is one line for people, without secrets."""


class NotAuthorised(ProviderError):
    """The credentials are wrong or may not do this."""


class NotThere(ProviderError):
    """The zone, domain or item does not exist."""


class Conflict(ProviderError):
    """It exists already, or stands in the way of another record."""


class Refused(ProviderError):
    """The request is not acceptable as it is."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class RateLimited(ProviderError):
    """Too many requests."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(ProviderError):
    """No answer, or a failure of theirs. A write may or may not have happened."""
