"""What all verbs of one partition share: the client, the keys, the scripts, the limits."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from hub.store.base import RolledBack
from hub.store.errors import FOREIGN, lost_in_words, translate
from hub.store.keys import PartitionKeys
from hub.store.scripts import Argument, Commands, Scripts
from hub.store.versions import open_partition

__all__ = ["Limits", "Partition"]

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much the log holds before it refuses, and how far back it recognises a repeat."""

    max_entries: int = 1_000_000
    max_bytes: int = 1024 * 1024 * 1024
    """Bodies, headers and 100 bytes an entry."""
    dedupe_ms: int = 72 * _HOUR_MS
    dedupe_ids: int = 1_000_000
    """The window ends at this age or after this many ids; up to twice as many are held."""


class Partition:
    """One partition on one server."""

    def __init__(
        self,
        redis: Redis,
        partition: int = 0,
        *,
        family: str = "p",
        limits: Limits | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        """`redis` must not decode replies. `family` is of letters only; the hub's own is `p`. `scripts` is
        for tests that take a guard out.
        """
        self.partition = partition
        self.limits = limits or Limits()
        self.keys = PartitionKeys(partition, family)
        self._redis = redis
        self._scripts = scripts or Scripts()
        self._opened = False
        self._oldest_seen: dict[str, tuple[int, int]] = {}
        """Row -> oldest seq of its large sets, and when it was looked up: see `Books`."""
        self._seen = 0
        """Highest seq that a reply told of."""
        self._server_run: tuple[int, bytes] = (0, b"")
        """The life of the server's process in which that was, as `rejoin` numbers it."""
        self._lost = ""
        self.tell_lost: Callable[[str], None] | None = None
        """Called once, when this process finds that the log lost what it saw."""

    async def open(self) -> None:
        """Check the state's version, migrate an older one. Every verb does so on first use; this tells early.

        Raises `WrongVersion`, `RolledBack`, `Unavailable`.
        """
        await open_partition(self._redis, self.keys, self._scripts)
        await self.rejoin(self._redis)
        self._opened = True

    async def rejoin(self, commands: Commands) -> None:
        """Find out whether the log still has all that this process saw; before anything else on each new
        connection, because the server may have been started again from older data.

        Raises `RolledBack` the first time when it has not, `Unavailable`.
        """
        if self._lost:
            return
        args = (*self._server_run, self._seen)
        number, run, lost, mine = await self._scripts.run(commands, "rejoin", (self.keys.head,), args)
        self._server_run = int(number), run
        if mine:
            self._lost = lost_in_words(lost.decode())
            if self.tell_lost is not None:
                self.tell_lost(self._lost)
            self.check()

    def check(self) -> None:
        if self._lost:
            raise RolledBack(self._lost)

    async def accept(self) -> str:
        return lost_in_words((await self._run("accept", (self.keys.head,))).decode())

    def _saw(self, seq: int) -> None:
        self._seen = max(self._seen, seq)

    async def _run(self, name: str, keys: Sequence[str], *args: Argument) -> Any:
        if not self._opened:
            await self.open()
        if self._lost:
            self.check()
        try:
            return await self._scripts.run(self._redis, name, keys, args)
        except RolledBack:
            await self.rejoin(self._redis)  # whether it is this process that saw what is lost
            raise

    async def _row(self, script: str, name: str, *args: Argument) -> Any:
        """A script about one row: ARGV opens with its name."""
        return await self._run(script, self.keys.row_keys(name), name, *args)

    async def _tallied(self, script: str, name: str, *args: Argument) -> Any:
        """A script about one row and its tallies."""
        return await self._run(script, (*self.keys.row_keys(name), self.keys.tally(name)), name, *args)

    async def _command(self, *words: Argument) -> Any:
        if not self._opened:
            await self.open()
        if self._lost:
            self.check()
        call: Callable[..., Awaitable[Any]] = self._redis.execute_command
        try:
            return await call(*words)
        except FOREIGN as error:
            raise translate(error) from error
