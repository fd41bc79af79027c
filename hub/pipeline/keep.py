"""The archive's writer: follows the log with its own durable offset and then lets the log forget.

It only ever says stored or duplicate, never parks, and stalls on error; a stalled archive fills the log,
and a full log
is a 503 at the door. It writes on a thread of its own, so that nothing else in the process waits for the
disk.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hub.archive.base import Archive, ArchiveError
from hub.pipeline.payloads import Payloads
from hub.store.base import Log

__all__ = ["Keeper"]

BATCH_EVENTS = 1000


class Keeper:
    """One partition's archive writer."""

    def __init__(
        self, log: Log, payloads: Payloads, archive: Archive, *, stalled: Callable[[str | None], None]
    ) -> None:
        self._log = log
        self._payloads = payloads
        self._archive = archive
        self._stalled = stalled
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-writer")
        self.offset = archive.offset(log.partition)

    async def turn(self) -> int:
        """Archive what is there (bounded), then trim; returns how many events were archived.

        Raises `ArchiveError` after telling `stalled`.
        """
        entries = await self._payloads.after(self.offset, BATCH_EVENTS)
        if not entries:
            return 0
        if entries[0].seq != self.offset + 1:
            message = (
                f"the log begins at {entries[0].seq}, the archive ends at {self.offset}: "
                "the events between are in neither"
            )
            self._stalled(message)
            raise ArchiveError(message)
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._thread, self._archive.append, self._log.partition, entries
            )
        except ArchiveError as error:
            self._stalled(str(error))
            raise
        self._stalled(None)
        self.offset = entries[-1].seq
        await self.trim()
        return len(entries)

    async def trim(self) -> int:
        """Let the log forget what is archived and routed."""
        return await self._log.trim(self.offset)

    def close(self) -> None:
        """Wait for the write in flight."""
        self._thread.shutdown(wait=True)
