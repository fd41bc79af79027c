"""One process a name: a second one under the same name would take the first one's messages for left behind.

At its start a process goes on with what its node had in hand. On a SQLite file the lock on the data folder
keeps others out; on PostgreSQL, where several processes with folders of their own share the database, it is
the node's name that only one may bear.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from core.store.database import Database, InUse

__all__ = ["alone"]

PATIENCE_S = 45.0
"""Longer than PostgreSQL needs to notice that a machine with its processes is gone (`_KEEPALIVE`)."""
_EVERY_S: Final = 0.5
_KEEPALIVE: Final = {
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "4",
}


@asynccontextmanager
async def alone(database: Database, node: str, *, patience_s: float | None = None) -> AsyncIterator[None]:
    """Bear the name as long as the block runs, by a lock that ends with its connection.

    Waits `patience_s` (`PATIENCE_S`) for whoever has it to end. Raises `InUse`. On SQLite nothing is done.
    """
    if database.path is not None:
        yield
        return
    settings = {"server_settings": _KEEPALIVE}
    engine = create_async_engine(
        database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=settings
    )
    try:
        async with engine.connect() as connection:
            await _take(connection, node, PATIENCE_S if patience_s is None else patience_s)
            yield
    finally:
        await engine.dispose()


async def _take(connection: AsyncConnection, node: str, patience_s: float) -> None:
    wanted = select(func.pg_try_advisory_lock(func.hashtextextended(f"mxhub core node {node}", 0)))
    until = asyncio.get_running_loop().time() + patience_s
    while not (await connection.execute(wanted)).scalar_one():
        if asyncio.get_running_loop().time() >= until:
            raise InUse(
                f"another process on this database calls itself {node}: give each one a name (`core: node`)"
            )
        await asyncio.sleep(_EVERY_S)
