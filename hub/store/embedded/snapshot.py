"""A copy of everything the embedded server holds at one instant: saved by a forked child, laid down again."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import redis.exceptions
from redis.asyncio import Redis

from hub.sdk.lifetime import Closing
from hub.store.embedded.aof import FOLDER as LOG_FOLDER
from hub.store.embedded.aof import MANIFEST
from hub.store.embedded.errors import EmbeddedError
from hub.store.errors import FOREIGN, translate

__all__ = ["DUMP", "Saver", "base_file", "clear_saves", "lay_down"]

DUMP = "dump.rdb"
"""What BGSAVE writes; a server with an append-only file never reads it."""
BASE = "appendonly.aof.1.base.rdb"
ANSWER_S = 10.0
POLL_S = 0.02
CANCEL_S = 30.0


class Saver(Closing):
    """Asks the running server for one copy of its data. An async context manager.

    The server forks, which stops it for some milliseconds, and goes on; the child writes. Every verb raises
    `Unavailable` when the server cannot be reached.
    """

    def __init__(self, url: str, folder: Path) -> None:
        """`folder` is the server's own."""
        self._redis = Redis.from_url(
            url, decode_responses=True, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )
        self.path = folder / DUMP

    async def close(self) -> None:
        await self._redis.aclose()

    async def used_bytes(self) -> int:
        """What the data takes in memory: more than the file will have."""
        return int((await self._info("memory"))["used_memory"])

    async def begin(self) -> bool:
        """Fork now. False while the server rewrites its log, or saves for somebody else.

        Raises `EmbeddedError` when it cannot.
        """
        self.path.unlink(missing_ok=True)
        try:
            await self._redis.execute_command("BGSAVE")
        except redis.exceptions.ResponseError as error:
            if await self._has_child():
                return False
            raise EmbeddedError(f"the log's server cannot save a copy of its data: {error}") from error
        except FOREIGN as error:
            raise translate(error) from error
        return True

    async def free(self) -> None:
        """Wait until no child of the server writes."""
        while await self._has_child():  # noqa: ASYNC110 the server tells nobody
            await asyncio.sleep(POLL_S)

    async def finished(self) -> Path:
        """Wait for the save that `begin` began; its file.

        Raises `EmbeddedError` when it failed (no room, no memory) or the server ended meanwhile.
        """
        while (info := await self._info("persistence"))["rdb_bgsave_in_progress"]:  # noqa: ASYNC110 as in `free`
            await asyncio.sleep(POLL_S)
        if info["rdb_last_bgsave_status"] != "ok" or not self.path.exists():
            raise EmbeddedError(
                f"the log's server did not finish the copy of its data: see {self.path.parent / 'server.log'}"
            )
        return self.path

    async def drop(self) -> None:
        """End a save that nobody wants any more, and remove what it wrote."""
        with suppress(*FOREIGN):
            with suppress(redis.exceptions.ResponseError):  # Valkey 8.1 or newer; others finish it
                await self._redis.execute_command("BGSAVE", "CANCEL")
            ends_at = time.monotonic() + CANCEL_S
            while (await self._redis.info("persistence"))["rdb_bgsave_in_progress"]:
                if time.monotonic() > ends_at:
                    break
                await asyncio.sleep(POLL_S)
        self.path.unlink(missing_ok=True)

    async def _has_child(self) -> bool:
        info = await self._info("persistence")
        return bool(info["rdb_bgsave_in_progress"] or info["aof_rewrite_in_progress"])

    async def _info(self, section: str) -> dict[str, Any]:
        try:
            return dict(await self._redis.info(section))
        except FOREIGN as error:
            raise translate(error) from error


def clear_saves(folder: Path) -> None:
    """Remove what a save left behind when server and hub were killed during it."""
    for path in (folder / DUMP, *folder.glob("temp-*.rdb")):
        path.unlink(missing_ok=True)


def base_file(folder: Path) -> Path:
    """Where a saved copy has to be for a server with this folder to begin from it; makes the folders."""
    place = folder / LOG_FOLDER
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place / BASE


def lay_down(folder: Path) -> None:
    """Say that `base_file` is what the append-only file begins with: the manifest of Redis 7.0's multi-part
    log.
    """
    path = folder / LOG_FOLDER / MANIFEST
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"file {BASE} seq 1 type b\n")
