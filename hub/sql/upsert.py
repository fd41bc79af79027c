"""Insert-or-update, which the two servers spell differently."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["insert"]


def insert(tx: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that knows `on_conflict_do_update` and `on_conflict_do_nothing`, which both servers have."""
    return postgresql.insert(table) if tx.dialect.name == "postgresql" else sqlite.insert(table)
