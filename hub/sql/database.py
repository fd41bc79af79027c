"""A database: SQLite in a file, or PostgreSQL.

A transaction that returned is on disk: SQLite runs in WAL mode with `synchronous=FULL`, PostgreSQL with its
default `synchronous_commit`. SQLite's writers queue up in the process and take the file's write lock at once
(`BEGIN IMMEDIATE`), so none finds out late that another was faster; readers have connections of their own and
see the state as it was when they began.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self

import msgspec
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncTransaction, create_async_engine

from hub.sdk.file_lock import FileLock

__all__ = ["Database", "InUse", "Migrate", "Unavailable", "claimed", "sqlite_url"]

_BUSY_TIMEOUT_S = 10
_POOL_TIMEOUT_S = 30
_READERS = 4
_SERVER: dict[str, Any] = {"pool_size": 15, "max_overflow": 0}
"""Connections to PostgreSQL are kept once made: making one costs more than a request."""
_CHECKPOINTS = 50
_CHECKPOINT_S = 0.1
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "cache_size=-2048",
    f"busy_timeout={_BUSY_TIMEOUT_S * 1000}",
)
_PASSING = ("08", "40", "53", "57", "58")
"""PostgreSQL's classes of errors that time heals (its manual, appendix A): connection, roll-back (deadlock),
resources, operator intervention, system.
"""
_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


Migrate = Callable[[Connection], None]
"""Takes the schema forward, inside a transaction."""


class InUse(Exception):
    """Another process works on this file, or in this folder."""


class Unavailable(Exception):
    """The database cannot be reached, is locked, or has no room: the same call may succeed later."""


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file, whatever characters its path holds."""
    return URL.create("sqlite+aiosqlite", database=str(path)).render_as_string(hide_password=False)


class Database:
    """`async with Database(url) as database`; the schema is brought up to date at the start.

    Args:
        url: `sqlite+aiosqlite:///PATH` (the file is made with mode 0600) or `postgresql+asyncpg://...`.
        migrate: brings the schema up to date; run once at the start, in a transaction of its own.
        exclusive: nobody else may have this SQLite file open meanwhile (`InUse` otherwise).

    """

    def __init__(self, url: str, *, migrate: Migrate, exclusive: bool = False) -> None:
        self.url = make_url(url)
        self._schema = migrate
        self._exclusive = exclusive
        self._lock: FileLock | None = None
        self._writer: AsyncEngine | None = None
        self._reader: AsyncEngine | None = None

    @property
    def path(self) -> Path | None:
        """The SQLite file; `None` on PostgreSQL."""
        is_file = self.url.get_backend_name() == "sqlite" and self.url.database
        return Path(str(self.url.database)) if is_file else None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open or create it.

        Raises `OSError`, `InUse`, `Unavailable`, and what `migrate` raises (`hub.sql.revisions.NewerSchema`).
        """
        try:
            if self.path is not None:
                self._open_file(self.path)
            else:
                self._writer = self._reader = _engine(self.url, pool_timeout=_POOL_TIMEOUT_S, **_SERVER)
            await self._migrate()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End all connections; later calls raise `RuntimeError`."""
        engines = {engine for engine in (self._writer, self._reader) if engine is not None}
        self._writer = self._reader = None
        for engine in engines:
            await engine.dispose()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.leave()

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction: committed when the block ends, undone when it raises.

        A caller that is cancelled while the commit runs learns of it after the commit. Do not nest it: SQLite
        has one writer. Raises `Unavailable`.
        """
        return self._transaction(self._writer, {})

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A read-only snapshot: everything read in it is of one moment. Raises `Unavailable`."""
        return self._transaction(self._reader, {} if self.path is not None else _SNAPSHOT)

    @asynccontextmanager
    async def _transaction(
        self, engine: AsyncEngine | None, options: dict[str, Any]
    ) -> AsyncIterator[AsyncConnection]:
        if engine is None:
            raise RuntimeError("the store is closed")
        connected = False
        try:
            async with engine.connect() as connection:
                connected = True
                _ = await connection.execution_options(**options)
                transaction = await _begun(connection)
                yield connection
                await _to_the_end(transaction.commit())
        except (DBAPIError, PoolTimeout, OSError) as error:
            callers_own = isinstance(error, OSError) and connected
            if callers_own or (isinstance(error, DBAPIError) and not _passes(error)):
                raise
            raise Unavailable(f"the store cannot be used now: {error}") from error

    async def compact(self) -> None:
        """Leave nothing on disk of what was deleted: SQLite keeps it in free pages and in its journal.

        Other writers wait meanwhile. PostgreSQL's autovacuum does that by itself, later. Raises `Unavailable`
        while somebody reads an older state.
        """
        if self.path is None:
            return
        if self._writer is None:
            raise RuntimeError("the store is closed")
        try:
            async with self._writer.connect() as connection:
                raw: Any = (await connection.get_raw_connection()).driver_connection
                await raw.execute("VACUUM")
                for _ in range(_CHECKPOINTS):
                    cursor = await raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    busy = (await cursor.fetchone())[0]
                    if not busy:
                        return
                    await asyncio.sleep(_CHECKPOINT_S)
        except (sqlite3.Error, DBAPIError, PoolTimeout) as error:
            raise Unavailable(f"the store cannot be compacted now: {error}") from error
        raise Unavailable("the store cannot be compacted while somebody reads an older state of it")

    def _open_file(self, path: Path) -> None:
        if self._exclusive:
            self._lock = claimed(path.with_suffix(".lock"))
        path.touch(mode=0o600, exist_ok=True)
        limits: dict[str, Any] = {"max_overflow": 0, "pool_timeout": _POOL_TIMEOUT_S}
        limits["connect_args"] = {"factory": _SqliteConnection}
        limits["pool_reset_on_return"] = None  # all have ended then, and each call is a thread's turn
        self._writer = _engine(self.url, pool_size=1, **limits)
        self._reader = _engine(self.url, pool_size=_READERS, **limits)
        _prepare(self._writer, "BEGIN IMMEDIATE", _PRAGMAS)
        _prepare(self._reader, "BEGIN", (*_PRAGMAS, "query_only=ON"))

    async def _migrate(self) -> None:
        async with self.begin() as tx:
            await tx.run_sync(self._schema)


class _SqliteConnection(sqlite3.Connection):
    """Closed while the cursor of a cancelled call still lives, SQLite would keep it, and its lock."""

    def close(self) -> None:
        if self.in_transaction:
            with suppress(sqlite3.Error):
                self.rollback()
        super().close()


def _engine(url: URL, **limits: Any) -> AsyncEngine:
    """Without parameters in its errors, which end in logs: they hold mail and secrets."""
    return create_async_engine(url, hide_parameters=True, json_deserializer=_loads, **limits)


def _loads(text: str | bytes) -> Any:
    """As `json.loads`, four times as fast; what only that one takes (NaN, lone surrogates) it is given."""
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return json.loads(text)


def _passes(error: DBAPIError) -> bool:
    """Whether the same call may succeed later."""
    if isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated:
        return True
    return str(getattr(error.orig, "sqlstate", None) or "").startswith(_PASSING)


def _prepare(engine: AsyncEngine, begin: str, pragmas: tuple[str, ...]) -> None:
    """SQLite's driver would begin a transaction by itself, later and without the lock: it is told not to."""

    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def began(connection: Connection) -> None:
        raw: Any = connection.connection.dbapi_connection
        try:
            raw.run_async(lambda driver: driver.execute(begin))  # one turn of its thread, not three
        except sqlite3.Error as error:
            raise DBAPIError.instance(begin, None, error, sqlite3.Error, hide_parameters=True) from error

    event.listen(engine.sync_engine, "connect", connected)
    event.listen(engine.sync_engine, "begin", began)


async def _begun(connection: AsyncConnection) -> AsyncTransaction:
    """Whoever is cancelled here may have begun without knowing: the connection is given up as it is."""
    try:
        return await connection.begin()
    except BaseException:
        await connection.invalidate()
        raise


async def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await `work` even when the caller is cancelled meanwhile; the cancellation follows after it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def claimed(path: Path) -> FileLock:
    """The lock on the folder of `path`, taken; it ends with the process, or by `leave`.

    Raises `InUse` naming the folder and the process that has it.
    """
    lock = FileLock(path)
    owner = lock.claim()
    if owner is not None:
        raise InUse(
            f"{path.parent} is in use by another process ({owner}): stop that one, or name another directory"
        )
    return lock
