"""The schema as numbered revisions. The newest is `core.store.tables`, which a test compares.

A SQLite file of the sandbox from before the revisions carries `PRAGMA user_version = 1`: it is revision 0001.
Alembic is imported only when there is something to do.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

__all__ = ["REVISIONS", "NewerSchema", "upgrade"]

REVISIONS = ("0001", "0002")
_MIGRATION_LOCK = 0x6D78_0002


class NewerSchema(Exception):
    """A later release wrote this store; it is left untouched."""


def upgrade(connection: Connection, to: str = REVISIONS[-1]) -> None:
    """Take the store to a revision, in the transaction that runs: wholly, or not at all.

    Raises `NewerSchema` when the store knows revisions that this release does not.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
    found = _revision(connection)
    if found is not None and found not in REVISIONS:
        raise NewerSchema(
            f"the store has schema {found}, this release knows {REVISIONS[-1]}: run the release that wrote it"
        )
    if found != to:
        _run(connection, found, to)


def _revision(connection: Connection) -> str | None:
    """What the store says of itself; `None` when it is empty."""
    if inspect(connection).has_table("alembic_version"):
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    if connection.dialect.name == "sqlite":
        version = int(connection.execute(text("PRAGMA user_version")).scalar_one())
        return f"{version:04}" if version else None
    return None


def _run(connection: Connection, found: str | None, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if found is not None and not inspect(connection).has_table("alembic_version"):
        command.stamp(config, found)
    command.upgrade(config, to)
