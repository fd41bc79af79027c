"""What else lives in the hub's data directory and process: the core, as the hub sees it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

__all__ = ["Beside"]


class Beside(Protocol):
    """Joined by the composition root; the hub itself knows nothing else of it."""

    async def erase(self, tenant: str) -> Mapping[str, int]:
        """Remove all that it has of a tenant; counts by place. Asked again until the log was rewritten.

        Raises `ArchiveError` with the reason where it cannot be done now.
        """
        ...

    async def freeze(self, work: Path) -> "Mapping[str, Path]":
        """Copies of its state at one moment, made below `work`: name in the data directory -> copy.

        Copies may be links: nobody changes them. Raises `ArchiveError`.
        """
        ...
