"""Threads for messages whose services may hang: what hangs takes its own place and nobody else's."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, TypeVarTuple

from hub.sdk.offload import Offload

__all__ = ["Places"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    tenant: str
    target: str
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """At most `most` blocking calls at once, one a target.

    When places run short, the tenant that holds the fewest goes first, and of those who came first.
    """

    def __init__(self, name: str, most: int) -> None:
        self._threads = Offload(name, most)
        self._free = most
        self._busy: set[str] = set()
        self._held: Counter[str] = Counter()
        self._waiting: list[_Wish] = []

    def close(self) -> None:
        """Nobody waits for a call that hangs."""
        self._threads.close()

    async def run(self, tenant: str, target: str, call: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """The call's result, or its exception. Raises `RuntimeError` after `close`.

        A caller that is cancelled waits no longer; the place is free when the call has really ended.
        """
        wish = _Wish(tenant, target)
        await self._turn(wish)
        work = asyncio.ensure_future(self._threads.run(call, *args))
        work.add_done_callback(lambda done: self._end(wish, done))
        return await asyncio.shield(work)

    async def _turn(self, wish: _Wish) -> None:
        self._waiting.append(wish)
        self._grant()
        try:
            await wish.granted
        except asyncio.CancelledError:
            if wish in self._waiting:
                self._waiting.remove(wish)
            else:  # granted in the same moment
                self._give_back(wish)
            raise

    def _end(self, wish: _Wish, done: "asyncio.Future[_T]") -> None:
        if not done.cancelled():
            done.exception()  # seen: whoever asked may be gone
        self._give_back(wish)

    def _give_back(self, wish: _Wish) -> None:
        self._free += 1
        self._busy.discard(wish.target)
        self._held[wish.tenant] -= 1
        self._held += Counter()  # forget tenants that hold none
        self._grant()

    def _grant(self) -> None:
        while self._free and (able := [wish for wish in self._waiting if self._is_able(wish)]):
            wish = min(able, key=lambda one: self._held[one.tenant])
            self._waiting.remove(wish)
            self._free -= 1
            self._busy.add(wish.target)
            self._held[wish.tenant] += 1
            wish.granted.set_result(None)

    def _is_able(self, wish: _Wish) -> bool:
        """A caller that was cancelled a moment ago waits no longer, though it could not say so yet."""
        return wish.target not in self._busy and not wish.granted.done()
