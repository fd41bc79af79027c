"""Free space where the data lives: below a reserve nothing is taken in, since a full disk ends the server."""

import os
import time
from pathlib import Path

__all__ = ["DEFAULT_RESERVE", "Disk"]

DEFAULT_RESERVE = 256 * 1024 * 1024
FRESH_S = 0.05
"""How long one look holds: ingest asks for every request."""


class Disk:
    """A folder's file system and the reserve that must stay free on it."""

    def __init__(self, folder: Path, reserve_bytes: int = DEFAULT_RESERVE) -> None:
        self.folder = folder
        self.reserve_bytes = reserve_bytes
        self._free = 0
        self._looked = float("-inf")

    def free(self) -> int:
        """Bytes that we may still use (what is kept for root not counted), at most 50 ms old."""
        now = time.monotonic()
        if now - self._looked > FRESH_S:
            found = os.statvfs(self.folder)
            self._free, self._looked = found.f_bavail * found.f_frsize, now
        return self._free

    def below_reserve(self) -> bool:
        """Whether ingest must answer 503 now."""
        return self.free() < self.reserve_bytes
