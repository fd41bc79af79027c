"""What holds a connector or an event up: blocks, pauses, parked events; and how they end."""

from collections.abc import Iterator, Sequence
from typing import Final

from hub.store.base import ParkedRow
from hub.store.partition import Partition
from hub.store.queues import check_code
from hub.store.scripts import Argument

__all__ = ["Holds"]

_AT_ONCE: Final = 1_000
_LARGEST: Final = 2**53 - 1
"""The scripts' numbers are doubles."""


def _pieces(seqs: Sequence[int]) -> Iterator[Sequence[int]]:
    for at in range(0, len(seqs), _AT_ONCE):
        yield seqs[at : at + _AT_ONCE]


def _parked_row(raw: tuple[bytes, bytes, bytes]) -> ParkedRow:
    name, seq, value = raw
    attempts, since, uid, reason = value.split(b":", 3)
    return ParkedRow(
        name.decode(), int(seq), uid.decode(), reason.decode("utf-8", "replace"), int(attempts), int(since)
    )


class Holds(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def block(
        self, name: str, reason: str, probe_at_ms: int, *, now_ms: int, tell_after_ms: int = 0
    ) -> bool:
        text = (reason or "blocked")[:500].encode("utf-8", "replace")
        return bool(await self._row("block", name, now_ms, probe_at_ms, text, tell_after_ms))

    async def unblock(self, name: str, *, now_ms: int) -> bool:
        return bool(await self._row("unblock", name, now_ms))

    async def pause(self, name: str, *, now_ms: int) -> None:
        """Raises `Stale` when there is no such row."""
        await self._row("pause", name, now_ms)

    async def resume(self, name: str, *, now_ms: int) -> None:
        """Raises `Stale` when there is no such row."""
        await self._row("resume", name, now_ms)

    async def parked(self, name: str | None = None, *, limit: int = 1000) -> list[ParkedRow]:
        """By connector and seq; which ones, when there are more than `limit`, is not said."""
        args: list[Argument] = [self.keys.row_prefix, limit]
        raw = await self._run("parked", (self.keys.rows,), *args, *([] if name is None else [name]))
        return sorted(map(_parked_row, raw), key=lambda row: (row.connector, row.seq))

    async def unpark(self, name: str, seqs: Sequence[int], *, now_ms: int) -> int:
        return sum([int(await self._row("unpark", name, now_ms, *piece)) for piece in _pieces(seqs)])

    async def drop(self, name: str, seqs: Sequence[int], reason: str) -> int:
        code = check_code(reason).encode("utf-8", "replace")
        return sum([int(await self._row("drop", name, code, *piece)) for piece in _pieces(seqs)])

    async def expire(self, name: str, upto: int, reason: str, *, limit: int = 1000) -> int:
        code = check_code(reason).encode("utf-8", "replace")
        return int(await self._row("expire", name, min(max(upto, 0), _LARGEST), limit, code))
