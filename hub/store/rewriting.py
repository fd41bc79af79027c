"""Rewriting the log's file, so that what was removed from the log leaves the disk too.

The server does it in a process of its own (BGREWRITEAOF); the old files go when the new one is whole.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from hub.store.errors import FOREIGN, translate

__all__ = ["Rewriting"]


class Rewriting:
    """One at a time; `step` is called until it says that it is done."""

    def __init__(self, redis: Redis, saved: Path | None) -> None:
        """`saved`: where the embedded server's damaged files were copied to; they go with the old ones."""
        self._redis = redis
        self._saved = saved
        self._begun = False

    async def step(self) -> str:
        """Empty when a rewrite that began after the first call is done, else what there is to wait for.

        A server without such a file has nothing to rewrite. Raises `StoreError`.
        """
        try:
            return await self._step()
        except FOREIGN as error:
            raise translate(error) from error

    async def _step(self) -> str:
        info: dict[str, Any] = await self._redis.info("persistence")
        if not int(info.get("aof_enabled", 0)):
            return ""
        if int(info["aof_rewrite_in_progress"]) or int(info.get("aof_rewrite_scheduled", 0)):
            return "the log's file is being rewritten"
        if not self._begun:
            call: Callable[..., Awaitable[Any]] = self._redis.execute_command
            await call("BGREWRITEAOF")
            self._begun = True
            return "the log's file is being rewritten"
        self._begun = False
        if info["aof_last_bgrewrite_status"] != "ok":
            return "the log's file could not be rewritten: see the server's log, and free disk space"
        self._remove_saved()
        return ""

    def _remove_saved(self) -> None:
        """Copies from before; best effort, for a folder of the operator's own making is left alone."""
        for path in self._saved.iterdir() if self._saved is not None and self._saved.is_dir() else ():
            if path.is_file():
                path.unlink(missing_ok=True)
