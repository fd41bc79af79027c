"""A schema as numbered revisions, run by Alembic, which is imported only when there is something to do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, MetaData, inspect, text

__all__ = ["NewerSchema", "Revisions", "run_environment"]


class NewerSchema(Exception):
    """A later release wrote this schema; it is left untouched."""


def _nothing(connection: Connection) -> str | None:
    del connection
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisions:
    """The revisions of one schema. Several schemas live in one database, each with a version table."""

    folder: Path
    """Holds Alembic's `env.py` and `versions/`."""
    known: tuple[str, ...]
    """Oldest first."""
    version_table: str
    lock: int
    """Of PostgreSQL's advisory locks: two processes that start at once wait for each other."""
    adopt: Callable[[Connection], str | None] = _nothing
    """Says which revision a schema without the version table has; `None` = there is none yet."""

    def upgrade(self, connection: Connection, to: str | None = None) -> None:
        """Take the schema to a revision (the newest), in the transaction that runs: wholly, or not at all.

        Raises `NewerSchema` when the schema has a revision that this release does not know.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": self.lock})
        stamped = inspect(connection).has_table(self.version_table)
        found = self._stamp(connection) if stamped else self.adopt(connection)
        if found is not None and found not in self.known:
            raise NewerSchema(
                f"{self.version_table} says {found}, this release knows {self.known[-1]}: "
                "run the release that wrote it"
            )
        wanted = self.known[-1] if to is None else to
        if found != wanted:
            self._run(connection, None if stamped else found, wanted)

    def _stamp(self, connection: Connection) -> str | None:
        said = text(f"SELECT version_num FROM {self.version_table}")  # noqa: S608 - a name of ours
        return connection.execute(said).scalar_one_or_none()

    def _run(self, connection: Connection, adopted: str | None, to: str) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config(attributes={"connection": connection, "version_table": self.version_table})
        config.set_main_option("script_location", str(self.folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        if adopted is not None:
            command.stamp(config, adopted)
        command.upgrade(config, to)


def run_environment(metadata: MetaData) -> None:
    """What an `env.py` does: run within the transaction that `Revisions.upgrade` was given.

    A developer's `alembic -x url=...` gets a connection of its own. Raises `KeyError` without either.
    """
    from alembic import context

    given = context.config.attributes
    if "connection" in given:
        _configured(given["connection"], metadata, given["version_table"])
        return
    asked = context.get_x_argument(as_dictionary=True)
    from sqlalchemy import create_engine

    with create_engine(asked["url"]).begin() as connection:
        _configured(connection, metadata, asked["version_table"])


def _configured(connection: Connection, metadata: MetaData, version_table: str) -> None:
    from alembic import context

    context.configure(connection=connection, target_metadata=metadata, version_table=version_table)
    with context.begin_transaction():
        context.run_migrations()
