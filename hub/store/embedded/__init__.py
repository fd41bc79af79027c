"""The embedded default's server: a private Valkey that mxhub starts, watches and ends itself."""

from hub.store.embedded.disk import DEFAULT_RESERVE, Disk
from hub.store.embedded.errors import (
    DamagedLog,
    DirectoryInUse,
    EmbeddedError,
    ServerGone,
    WrongServer,
    WrongState,
)
from hub.store.embedded.server import EmbeddedServer, running_socket
from hub.store.embedded.status import Status

__all__ = [
    "DEFAULT_RESERVE",
    "DamagedLog",
    "DirectoryInUse",
    "Disk",
    "EmbeddedError",
    "EmbeddedServer",
    "ServerGone",
    "Status",
    "WrongServer",
    "WrongState",
    "running_socket",
]
