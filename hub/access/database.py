"""The database of keys and people."""

from hub.access.migrations import REVISIONS
from hub.sql.database import Database

__all__ = ["access_database"]


def access_database(url: str) -> Database:
    """The database, not open yet (`async with`).

    Hub and core each open it. On SQLite it is a file of its own, which several processes may have open; on
    PostgreSQL it may be the core's database, whose tables have other names.
    """
    return Database(url, migrate=REVISIONS.upgrade)
