"""The store's and the archive's errors in the API's terms."""

from hub.archive.base import ArchiveError
from hub.store.base import Full, RolledBack, Stale, StoreError
from hub.web.errors import ApiError, Conflict, ServiceUnavailable

__all__ = ["translate"]


def translate(error: Exception) -> ApiError | None:
    """`None` when it is none of theirs."""
    if isinstance(error, Stale):
        return Conflict("The state changed meanwhile: look again and repeat.")
    if isinstance(error, Full):
        return ServiceUnavailable(
            "The log is full; it drains as the archive and the router go on.", retry_after_s=10
        )
    if isinstance(error, RolledBack):
        return ServiceUnavailable(f"Nothing is taken in or delivered: {error}")
    if isinstance(error, StoreError):
        return ServiceUnavailable(f"The log cannot be reached: {error}")
    if isinstance(error, ArchiveError):
        return ServiceUnavailable(f"The archive cannot answer: {error}")
    return None
