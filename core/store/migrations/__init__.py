"""The schema as numbered revisions. The newest is `core.store.tables`, which a test compares.

A SQLite file of the sandbox from before the revisions carries `PRAGMA user_version = 1`: it is revision 0001.
"""

from pathlib import Path

from sqlalchemy import Connection, text

from hub.sql.revisions import NewerSchema, Revisions

__all__ = ["REVISIONS", "NewerSchema", "upgrade"]


def _of_a_sandbox(connection: Connection) -> str | None:
    if connection.dialect.name != "sqlite":
        return None
    version = int(connection.execute(text("PRAGMA user_version")).scalar_one())
    return f"{version:04}" if version else None


REVISIONS = Revisions(
    folder=Path(__file__).parent,
    known=("0001", "0002"),
    version_table="core_version",
    lock=0x6D78_0002,
    adopt=_of_a_sandbox,
)
upgrade = REVISIONS.upgrade
