"""What the log's verbs raise."""

__all__ = ["Full", "RolledBack", "Stale", "StoreError", "Unavailable"]


class StoreError(Exception):
    """Root of this module's errors."""


class Unavailable(StoreError):
    """The server could not be reached, refused the write or its reply was lost: the outcome is unknown."""


class Full(StoreError):
    """The log is at its limit (entries or bytes). Nothing was written; try again when it has drained."""


class Stale(StoreError):
    """The world moved on since the caller looked (compare-and-set failed). Nothing was written."""


class RolledBack(StoreError):
    """The server lost events that this hub saw: it was started again from older data. Nothing was written."""
