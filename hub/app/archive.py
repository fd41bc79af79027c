"""Opens the archive and holds it against the log."""

import asyncio
from contextlib import suppress
from math import ceil

from hub.archive.base import ArchiveError, ArchiveInUse
from hub.archive.sqlite import SqliteArchive
from hub.config.model import Settings
from hub.store.base import Log

__all__ = ["open_reader", "open_writer"]

_TRIES = 20
_PAUSE_S = 0.1


def _open(settings: Settings, *, read_only: bool) -> SqliteArchive:
    config = settings.archive
    return SqliteArchive(
        settings.data / "archive",
        keep_days=None if config.keep_days is None else ceil(config.keep_days),
        roll_events=config.roll_events,
        roll_days=ceil(config.roll_days),
        read_only=read_only,
    )


async def open_writer(settings: Settings, log: Log) -> SqliteArchive:
    """The archive for writing: one process at a time.

    Raises `ArchiveInUse` while another process writes; `ArchiveError` when the archive is ahead of the log:
    one of the two was restored from a back-up, and only a person knows which to believe.
    """
    archive = await asyncio.to_thread(_open, settings, read_only=False)
    try:
        _not_ahead(settings, archive.offset(log.partition), (await log.head()).seq)
    except BaseException:
        archive.close()  # else nobody could ever write it again
        raise
    return archive


def _not_ahead(settings: Settings, offset: int, seq: int) -> None:
    if offset > seq:
        raise ArchiveError(
            f"the archive in {settings.data / 'archive'} ends at event {offset}, the log at {seq}: one of "
            "them is from a back-up. Restore both from the same back-up, or move the archive away to believe "
            "the log"
        )


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
