"""One SQLite file behind one thread.

Every call is one transaction on the store's own thread, so a slow disk never holds up the event loop and
writers never meet. A transaction that returned is on disk: WAL with `synchronous=FULL`.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from core.store.schema import migrate

__all__ = ["Database", "InUse", "connect"]

T = TypeVar("T")


def connect(path: Path) -> sqlite3.Connection:
    """Open the file (mode 0600), set its durability and bring its schema up to date.

    Raises `core.store.schema.NewerSchema` when a later release wrote it.
    """
    path.touch(mode=0o600, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
    connection.row_factory = sqlite3.Row
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-2048"):
        connection.execute(f"PRAGMA {pragma}").close()
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class InUse(Exception):
    """Another process works on this file."""


def _locked(path: Path) -> int:
    """Take the lock that ends with the process, and return its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise InUse(
            f"{path.parent} is in use by another process: stop that one, or name another directory"
        ) from error
    return descriptor


class Database:
    """Runs functions of a connection, one at a time, each in a transaction of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        """Open or create the file. Raises `sqlite3.Error`, `OSError`, `InUse` or `NewerSchema`."""
        loop = asyncio.get_running_loop()
        self._lock = _locked(self.path.with_suffix(".lock"))
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="core-store")
        self._connection = await loop.run_in_executor(self._thread, connect, self.path)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction: committed when it returns, undone when it raises.

        Once begun it ends, even when the caller is cancelled meanwhile.
        """
        if self._thread is None:
            raise RuntimeError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, work)

    async def close(self) -> None:
        """End after what is queued; later calls raise `RuntimeError`."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._disconnect)
            thread.shutdown(wait=True)
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise RuntimeError("the store is closed")
        with closing(connection.cursor()) as cursor:
            cursor.execute("BEGIN")
            try:
                result = work(connection)
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")
            return result
