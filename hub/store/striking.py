"""References to events that have to go before their time: an erased tenant's, wherever in a row they are."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from hub.store.base import Fate, RetryRef
from hub.store.holds import Holds
from hub.store.queues import Queues, check_code, retry_ref

__all__ = ["Striking"]

_PAGE: Final = 5_000
_AT_ONCE: Final = 200
"""References a call strikes: spread over a queue of a million they hold the server up for some 35 ms."""
_SCAN: Final = 500


class Striking(Queues, Holds):
    """See `hub.store.base.Log` for every verb."""

    async def strike(self, name: str, wanted: Callable[[int], bool], reason: str) -> int:
        """Looks again until it finds nothing: what moves between queue, retries and parked meanwhile is met
        there.
        """
        check_code(reason)
        struck = 0
        while True:
            found = [
                await self._strike_queue(name, wanted, reason),
                await self._strike_retries(name, wanted, reason),
                await self._strike_parked(name, wanted, reason),
            ]
            struck += sum(counted for _, counted in found)
            if not any(seen for seen, _ in found):
                return struck

    async def _strike_queue(self, name: str, wanted: Callable[[int], bool], reason: str) -> tuple[int, int]:
        seen = counted = 0
        async for page in self._queued(name):
            seqs = [seq for seq in page if wanted(seq)]
            seen += len(seqs)
            for at in range(0, len(seqs), _AT_ONCE):
                piece = seqs[at : at + _AT_ONCE]
                counted += int(await self._row("strike", name, reason.encode("utf-8", "replace"), *piece))
        return seen, counted

    async def _queued(self, name: str) -> AsyncIterator[Sequence[int]]:
        """The queue in pages by value: places shift while a sender settles the head."""
        after = 0
        while True:
            page = [int(ref) for ref in await self._run("queued", (self.keys.queue(name),), after, _PAGE)]
            if not page:
                return
            yield page
            after = page[-1]

    async def _strike_retries(self, name: str, wanted: Callable[[int], bool], reason: str) -> tuple[int, int]:
        found = [ref for ref in await self._retries(name) if wanted(ref.seq)]
        counted, fate = 0, Fate("dropped", reason)
        for at in range(0, len(found), _AT_ONCE):
            piece = [(ref, fate, "") for ref in found[at : at + _AT_ONCE]]
            counted += await self.retried(name, piece, now_ms=0)
        return len(found), counted

    async def _retries(self, name: str) -> list[RetryRef]:
        found: set[bytes] = set()
        cursor = 0
        while True:
            cursor, page = await self._command("ZSCAN", self.keys.row_keys(name)[3], cursor, "COUNT", _SCAN)
            found.update(member for member, *_ in _pairs(page))
            if int(cursor) == 0:
                return sorted((retry_ref(member) for member in found), key=lambda ref: ref.seq)

    async def _strike_parked(self, name: str, wanted: Callable[[int], bool], reason: str) -> tuple[int, int]:
        seqs = sorted(
            int(seq) for seq in await self._command("HKEYS", self.keys.row_keys(name)[4]) if wanted(int(seq))
        )
        return len(seqs), await self.drop(name, seqs, reason)

    async def untell(self, name: str, tenant: str) -> int:
        """See `hub.store.base.Log.untell`."""
        keys = (*self.keys.row_keys(name), self.keys.tally(name))
        return int(await self._run("untell", keys, name, tenant.encode("utf-8", "replace")))

    async def forget_cursors(self, source: str) -> int:
        """See `hub.store.base.Log.forget_cursors`."""
        streams = list(await self.cursors_of(source))
        return int(await self._command("HDEL", self.keys.cur, *streams)) if streams else 0

    async def cursors_of(self, source: str) -> Sequence[str]:
        """Names of the source's streams that have a cursor."""
        names = [name.decode() for name in await self._command("HKEYS", self.keys.cur)]
        return sorted(name for name in names if name.startswith(f"{source}/"))


def _pairs(page: Sequence[object]) -> Sequence[tuple[bytes, ...]]:
    """A reply of ZSCAN as the client gives it: `(member, score)` pairs, or flat."""
    if page and isinstance(page[0], bytes):
        return [(member,) for member in page[::2] if isinstance(member, bytes)]
    return [pair for pair in page if isinstance(pair, tuple)]
