"""Opens the archive and holds it against the log."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from math import ceil

from hub.archive.base import ArchiveError, ArchiveInUse
from hub.archive.sqlite import SqliteArchive
from hub.config.model import Settings
from hub.store.base import Head, Log

__all__ = ["open_reader", "open_writer"]

_TRIES = 20
_PAUSE_S = 0.1
_COMPARED = 1000
"""Events that both hold whose ids are compared: a log that went back and was filled up again differs in its
last ones."""


def _open(settings: Settings, *, read_only: bool) -> SqliteArchive:
    config = settings.archive
    return SqliteArchive(
        settings.data / "archive",
        keep_days=None if config.keep_days is None else ceil(config.keep_days),
        roll_events=config.roll_events,
        roll_days=ceil(config.roll_days),
        read_only=read_only,
    )


async def open_writer(
    settings: Settings,
    log: Log,
    *,
    believe_log: bool = False,
    now_ms: Callable[[], int],
    accepted: Callable[[str], None],
) -> SqliteArchive:
    """The archive for writing: one process at a time. A log that was rolled back goes on from here, where the
    archive agrees with it; `accepted` is told what was lost.

    With `believe_log` an archive that holds nothing begins behind what the log forgot. Raises `ArchiveInUse`
    while another process writes; `ArchiveError` when archive and log contradict each other: one of the two
    was restored from a back-up or lost its end, and only a person knows which to believe.
    """
    archive = await asyncio.to_thread(_open, settings, read_only=False)
    try:
        head = await log.head()
        if believe_log and head.trim and not archive.offset(log.partition):
            await asyncio.to_thread(archive.begin, log.partition, head.trim, now_ms=now_ms())
        await _check(archive, log, head)
        if head.rolled_back:
            accepted(await log.accept())
    except BaseException:
        archive.close()  # else nobody could ever write it again
        raise
    return archive


async def _check(archive: SqliteArchive, log: Log, head: Head) -> None:
    if why := await _contradiction(archive, log, head):
        raise ArchiveError(
            f"the archive in {archive.path} and the log do not belong together: {why}. One of them is from a "
            "back-up, or lost its end. Restore both from the same back-up; or, to believe the log, move the "
            "archive away and start once with --believe-log"
        )


async def _contradiction(archive: SqliteArchive, log: Log, head: Head) -> str:
    """Empty when the log goes on where the archive ends."""
    end = archive.offset(log.partition)
    if end > head.seq:
        return f"the archive ends at event {end}, the log at {head.seq}"
    if end < head.trim:
        return f"the archive ends at event {end}, the log begins behind {head.trim}"
    logged = await log.read(max(head.trim, end - _COMPARED), min(end - head.trim, _COMPARED) or 1)
    both = [entry for entry in logged if entry.seq <= end]
    held = await asyncio.to_thread(archive.entries, log.partition, [entry.seq for entry in both])
    for entry in both:
        if entry.seq in held and held[entry.seq].uid != entry.uid:
            return f"their event {entry.seq} is not the same"
    return ""


async def open_reader(settings: Settings) -> SqliteArchive:
    """The archive for reading, beside whoever writes. Where none has been yet, an empty one is made.

    Raises `ArchiveError` when it cannot be read, a writer that is just making it waited for.
    """
    with suppress(ArchiveInUse):  # then there is one
        _open(settings, read_only=False).close()
    for _ in range(_TRIES):
        with suppress(ArchiveError):
            return _open(settings, read_only=True)
        await asyncio.sleep(_PAUSE_S)
    return _open(settings, read_only=True)
