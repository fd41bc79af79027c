"""Limits kept in Redis: one script over all windows of a caller, right for any number of processes."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from hub.access.plans import Limits, Window, windows

__all__ = ["Budget", "Limiter", "LimiterDown", "Standing"]

_PREFIX: Final = "mxhub:{limit:"
_FIELDS: Final = 3


class LimiterDown(Exception):
    """The buckets cannot be reached. Whoever asks is refused: an unreachable limit is no free pass."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one window stands after the request."""

    window: Window
    remaining: int
    wait_ms: int
    """Until as many as were asked for are there; 0 = they are, or were."""
    full_ms: int
    """Until the whole of it is there again: a bucket is full, a window has closed."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What became of one request for tokens."""

    granted: bool
    now_ms: int
    """By the clock that the limits go by, the server's."""
    standings: tuple[Standing, ...]
    """The shortest window first; empty = unlimited."""

    @property
    def tightest(self) -> Standing | None:
        """The window that decides next: the longest wait, else the fewest left."""
        return min(self.standings, key=lambda one: (-one.wait_ms, one.remaining), default=None)

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, rounded up: after them the request is granted unless another one is faster."""
        return -(-max((one.wait_ms for one in self.standings), default=0) // 1000)

    @property
    def is_tenants(self) -> bool:
        """Whether the limit of the whole tenant refused, and not only the key's own."""
        return any(one.wait_ms and one.window.shared for one in self.standings)


class Limiter:
    """`await limiter.spend(...)` before the work is done.

    Args:
        redis: a client whose replies are bytes.
        deadline_s: an answer that takes longer counts as none.

    """

    def __init__(self, redis: Redis, *, deadline_s: float = 2.0) -> None:
        self._deadline_s = deadline_s
        self._redis = redis
        self._script = redis.register_script((resources.files("hub.access") / "spend.lua").read_bytes())

    async def spend(
        self, caller: str, limits: Limits, *, tenant: str, n: int = 1, now_ms: int | None = None
    ) -> Budget:
        """Take `n` from every window of the caller, or from none. `now_ms` is for tests of the clock.

        Raises `LimiterDown`.
        """
        return await self.take(windows(limits), caller, tenant=tenant, n=n, now_ms=now_ms)

    async def take(
        self, asked: Sequence[Window], caller: str, *, tenant: str, n: int = 1, now_ms: int | None = None
    ) -> Budget:
        """As `spend`, for windows that belong to no plan. Raises `LimiterDown`."""
        if not asked:
            return Budget(True, now_ms or 0, ())
        keys = [_key(window, caller, tenant) for window in asked]
        arguments: list[Any] = ["" if now_ms is None else now_ms, n]
        for one in asked:
            arguments += ["bucket" if one.refills else "window", one.limit, one.period_ms, one.burst]
        try:
            async with asyncio.timeout(self._deadline_s):
                reply = await self._script(keys=keys, args=arguments)
        except (RedisError, OSError, TimeoutError, EOFError) as error:
            raise LimiterDown(f"the limits cannot be counted now: {type(error).__name__}") from error
        return _budget(asked, reply)

    async def forget(self, tenant: str) -> int:
        """Remove everything that is counted of a tenant; how many counts there were. Raises `LimiterDown`."""
        plain = "".join(f"[{char}]" if char in "*?[" else char for char in _tag(tenant))
        try:
            names = [name async for name in self._redis.scan_iter(match=f"{_PREFIX}{plain}}}:*", count=1000)]
            for name in names:
                await self._redis.delete(name)
        except (RedisError, OSError, TimeoutError, EOFError) as error:
            raise LimiterDown(f"the limits cannot be removed now: {type(error).__name__}") from error
        return len(names)


def _key(window: Window, caller: str, tenant: str) -> str:
    """One hash tag a tenant, so that its windows share a slot; a brace in a name would end it."""
    owner = "" if window.shared else f"{caller}:"
    return f"{_PREFIX}{_tag(tenant)}}}:{owner}{window.name}"


def _tag(tenant: str) -> str:
    return tenant.replace("{", "(").replace("}", ")")


def _budget(asked: Sequence[Window], reply: Sequence[Any]) -> Budget:
    figures = [int(each) for each in reply]
    rows = [figures[at : at + _FIELDS] for at in range(2, len(figures), _FIELDS)]
    standings = tuple(Standing(window, *row) for window, row in zip(asked, rows, strict=True))
    return Budget(bool(figures[0]), figures[1], standings)
