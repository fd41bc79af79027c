"""The embedded archive back end: SQLite files."""

from hub.archive.sqlite.archive import SqliteArchive

__all__ = ["SqliteArchive"]
