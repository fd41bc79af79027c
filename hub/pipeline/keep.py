"""The archive's writer: follows the log with its own durable offset and then lets the log forget.

It only ever says stored or duplicate, never parks, and stalls on error; a stalled archive fills the log, and
a full log is a 503 at the door. It writes on a thread of its own, so that nothing else in the process waits
for the disk. One process writes; the others stand by and take over when it is gone.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from hub.archive.base import Archive, ArchiveError, ArchiveInUse
from hub.pipeline.payloads import Payloads
from hub.store.base import Log

__all__ = ["Keeper"]

BATCH_EVENTS = 1000
_STANDBY_S = 0.5


class Keeper:
    """One partition's archive writer in this process."""

    def __init__(
        self,
        log: Log,
        payloads: Payloads,
        open_writer: Callable[[], Awaitable[Archive]],
        *,
        stalled: Callable[[str | None], None],
    ) -> None:
        """`open_writer` raises `ArchiveInUse` while another process writes."""
        self._log = log
        self._payloads = payloads
        self._open_writer = open_writer
        self._stalled = stalled
        self._archive: Archive | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="archive-writer")
        self.offset = 0
        self._trimmed = 0
        self._round = asyncio.Lock()
        self._whole = asyncio.Lock()

    @property
    def archive(self) -> Archive | None:
        """The archive for writing, where this process is the one that writes."""
        return self._archive

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Inside nothing is appended and nothing forgotten: the instant of a back-up, some milliseconds."""
        async with self._round:
            yield

    @asynccontextmanager
    async def intact(self) -> AsyncIterator[None]:
        """Inside nothing is taken out of the archive, by retention or otherwise; appending goes on."""
        async with self._whole:
            yield

    async def turn(self) -> int:
        """Archive what is there (bounded), then trim; returns how many events were archived.

        Raises `ArchiveError` after telling `stalled`.
        """
        try:
            async with self.still():
                archive = self._archive or await self._take_over()
                return 0 if archive is None else await self._append(archive)
        except ArchiveError as error:
            self._stalled(str(error))
            raise

    async def _take_over(self) -> Archive | None:
        try:
            self._archive = await self._open_writer()
        except ArchiveInUse:
            await asyncio.sleep(_STANDBY_S)
            return None
        self.offset = self._archive.offset(self._log.partition)
        await self.trim()
        return self._archive

    async def _append(self, archive: Archive) -> int:
        entries = await self._payloads.after(self.offset, BATCH_EVENTS)
        if not entries:
            if self._trimmed < self.offset:  # the router was behind then; a full log gets no other
                await self.trim()
            return 0
        if entries[0].seq != self.offset + 1:
            raise ArchiveError(
                f"the log begins at {entries[0].seq}, the archive ends at {self.offset}: "
                "the events between are in neither"
            )
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, archive.append, self._log.partition, entries)
        self._stalled(None)
        self.offset = entries[-1].seq
        await self.trim()
        return len(entries)

    async def trim(self) -> int:
        """Let the log forget what is archived and routed."""
        self._trimmed = await self._log.trim(self.offset)
        return self._trimmed

    async def retain(self, *, now_ms: int, keep_ms: int | None, max_bytes: int | None, owed_from: int) -> int:
        """Retention, by whoever writes: events dropped; 0 where another process is the writer, and while
        the archive has to stay `intact` (the next round makes up for it).
        """
        if self._archive is None or self._whole.locked():
            return 0
        call = partial(
            self._archive.retain,
            now_ms=now_ms,
            keep_ms=keep_ms,
            max_bytes=max_bytes,
            owed_from={self._log.partition: owed_from},
        )
        async with self.intact():
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    async def endangered(self, max_bytes: int) -> int:
        """Highest seq that would go if the archive might have no more than that; 0 where another process
        writes it.
        """
        if self._archive is None:
            return 0
        archive, loop = self._archive, asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, archive.endangered, self._log.partition, max_bytes)

    async def oldest_seq(self) -> int:
        """Lowest seq that the archive still holds; 0 when it is empty or another process writes it."""
        if self._archive is None:
            return 0
        archive, loop = self._archive, asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, archive.oldest_seq, self._log.partition)

    def close(self) -> None:
        """Wait for the write in flight and let the next writer in."""
        self._thread.shutdown(wait=True)
        archive, self._archive = self._archive, None
        if archive is not None:
            archive.close()
