"""What else lives in the hub's data directory and process: the core, as the hub sees it."""

from collections.abc import Callable, Mapping, Sequence
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

    async def freeze(
        self, work: Path, check_room: Callable[[int, str], None]
    ) -> tuple[Mapping[str, Path], Sequence[str]]:
        """Its state at one moment: member of the back-up -> a copy below `work`; what is not there, in words.

        Called after the log's moment, so that nothing the log has seen of it is missing. Raises
        `ArchiveError`, what `check_room(bytes, what)` raises.
        """
        ...
