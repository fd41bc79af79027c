"""Small numbers for what comes again and again (origins, kinds, domains), per data file."""

# Only names of our own tables and columns are put into SQL; every value is bound.
# ruff: noqa: S608

import sqlite3

__all__ = ["KIND_FIELDS", "ORIGIN_FIELDS", "Names"]

ORIGIN_FIELDS = ("tenant", "source")
KIND_FIELDS = ("class", "code", "severity", "disposition")


class _Numbered:
    """One table of values and their numbers."""

    def __init__(self, connection: sqlite3.Connection, table: str, fields: tuple[str, ...]) -> None:
        rows = connection.execute(f"SELECT id, {', '.join(fields)} FROM {table}")
        self._numbers: dict[tuple[object, ...], int] = {tuple(values): number for number, *values in rows}
        self._new: list[tuple[object, ...]] = []
        self._insert = f"INSERT INTO {table} VALUES(?{', ?' * len(fields)})"

    def number(self, *values: object) -> int:
        known = self._numbers.get(values)
        if known is None:
            known = self._numbers[values] = len(self._numbers) + 1
            self._new.append((known, *values))
        return known

    def save(self, connection: sqlite3.Connection) -> None:
        connection.executemany(self._insert, self._new)
        self._new = []


class Names:
    """The writer's side: gives out numbers, and remembers which are not in the file yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._tables = (
            origins := _Numbered(connection, "origins", ORIGIN_FIELDS),
            kinds := _Numbered(connection, "kinds", KIND_FIELDS),
            domains := _Numbered(connection, "domains", ("domain",)),
        )
        self.origin = origins.number
        """Number of (tenant, source)."""
        self.kind = kinds.number
        """Number of (class, code, severity, disposition)."""
        self.domain = domains.number

    def save(self, connection: sqlite3.Connection) -> None:
        """Insert the new ones, inside the caller's transaction."""
        for table in self._tables:
            table.save(connection)
