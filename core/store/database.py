"""The core's database: `hub.sql` with the tables of `core.store.tables` and those of `hub.access`."""

from sqlalchemy import Connection

from core.store import migrations
from hub.access.migrations import REVISIONS as ACCESS
from hub.sql import database
from hub.sql.database import InUse, Unavailable, claimed, sqlite_url

__all__ = ["Database", "InUse", "Unavailable", "claimed", "sqlite_url"]


class Database(database.Database):
    """`async with Database(url) as database`; the schema is brought up to date at the start.

    Args:
        url: `sqlite+aiosqlite:///PATH` (the file is made with mode 0600) or `postgresql+asyncpg://...`.
        exclusive: nobody else may have this SQLite file open meanwhile (`InUse` otherwise).

    """

    def __init__(self, url: str, *, exclusive: bool = False) -> None:
        super().__init__(url, migrate=_upgrade, exclusive=exclusive)


def _upgrade(connection: Connection) -> None:
    """Keys and people lie beside the core's own tables: a change of theirs and its audit entry are one.

    Theirs come first, since keys of an earlier sandbox move there.
    """
    ACCESS.upgrade(connection)
    migrations.upgrade(connection)
