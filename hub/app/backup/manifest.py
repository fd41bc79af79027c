"""What a back-up says about itself: its last member but one; its SHA-256 is the last."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import msgspec

from hub.archive.sqlite.schema import STATE_VERSION as ARCHIVE_VERSION
from hub.store.embedded.state import CURRENT as DIRECTORY_VERSION
from hub.store.scripts import STATE_VERSION as LOG_VERSION

__all__ = [
    "FORMAT",
    "NO_EXTRAS",
    "BackupError",
    "Extras",
    "Manifest",
    "Member",
    "Versions",
    "installed_version",
]

FORMAT = 1
"""Of the file. Raised when an older mxhub could not restore it any more."""


class BackupError(Exception):
    """A file that is no whole back-up, or cannot be restored here. Says what to do."""


class Member(msgspec.Struct, frozen=True):
    name: str
    size: int
    sha256: str


class Versions(msgspec.Struct, frozen=True):
    """State versions of the three things that carry one."""

    directory: int = DIRECTORY_VERSION
    log: int = LOG_VERSION
    archive: int = ARCHIVE_VERSION


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    mxhub: str
    """Release that wrote it."""
    created_ms: int
    state: Versions
    server: str
    """`valkey` or `redis`: who saved the log, and so who can load it."""
    server_version: str
    folder: str = ""
    """Where the hub's data lies below the folder that `--data` names: `demo` in a demo."""
    seq: int
    """Every event up to this one is inside; of those that came during the first instant, perhaps some."""
    archived: int
    """Up to this one in the archive, the others in the log."""
    events: int
    """Events in the archive."""
    left_out: tuple[str, ...] = ()
    """Configuration files that hold a secret in plain text."""
    members: tuple[Member, ...]

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


@dataclass(frozen=True, slots=True)
class Extras:
    """What goes into a back-up beside the log and the archive."""

    folder: str = ""
    """See `Manifest.folder`."""
    documents: tuple[Path, ...] = ()
    """Configuration files."""
    files: tuple[str, ...] = ()
    """Further files, relative to the data directory; a `.sqlite3` is copied as a database."""


NO_EXTRAS = Extras()


def installed_version() -> str:
    try:
        return metadata.version("mxhub")
    except metadata.PackageNotFoundError:
        return "unknown"
