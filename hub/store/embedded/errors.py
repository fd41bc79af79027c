"""What can go wrong with a data directory or the server that lives in it."""

from hub.store.base import StoreError

__all__ = ["DamagedLog", "DirectoryInUse", "EmbeddedError", "ServerGone", "WrongServer", "WrongState"]


class EmbeddedError(StoreError):
    """Root of this package's errors. The text says what is wrong and what to do."""


class DirectoryInUse(EmbeddedError):
    """Another mxhub holds the data directory."""


class WrongState(EmbeddedError):
    """The data directory was written by a newer mxhub, or its state file cannot be read."""


class WrongServer(EmbeddedError):
    """No server binary can be found, or the one found cannot read what another one wrote."""


class DamagedLog(EmbeddedError):
    """The append-only file is damaged in a way that only a person may decide about."""


class ServerGone(EmbeddedError):
    """The server ended before it answered. The text holds the end of its log."""
