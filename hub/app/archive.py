"""Opens the archive and holds it against the log."""

from math import ceil

from hub.archive.base import ArchiveError
from hub.archive.sqlite import SqliteArchive
from hub.config.model import Settings
from hub.store.base import Log

__all__ = ["open_archive"]


def _open(settings: Settings, *, read_only: bool) -> SqliteArchive:
    config = settings.archive
    return SqliteArchive(
        settings.data / "archive",
        keep_days=None if config.keep_days is None else ceil(config.keep_days),
        roll_events=config.roll_events,
        roll_days=ceil(config.roll_days),
        read_only=read_only,
    )


async def open_archive(settings: Settings, log: Log, *, writer: bool) -> SqliteArchive:
    """The archive of the data directory; one writer, any number of readers.

    Raises `ArchiveError` when it is ahead of the log: one of the two was restored from a back-up, and only a
    person knows which to believe.
    """
    if not writer:
        return _open_for_reading(settings)
    archive = _open(settings, read_only=False)
    seq, offset = (await log.head()).seq, archive.offset(log.partition)
    if offset > seq:
        archive.close()
        raise ArchiveError(
            f"the archive in {settings.data / 'archive'} ends at event {offset}, the log at {seq}: "
            "one of them is from a back-up. Restore both from the same back-up, or move the archive away to "
            "believe the log"
        )
    return archive


def _open_for_reading(settings: Settings) -> SqliteArchive:
    """A reader; where no writer has been yet, an empty archive is made first."""
    try:
        return _open(settings, read_only=True)
    except ArchiveError:
        _open(settings, read_only=False).close()
        return _open(settings, read_only=True)
