"""The books and the rows, counted from the stored sets in one read."""

from typing import Any, Literal

from hub.store.base import Book, ConnectorRow
from hub.store.keys import check_name
from hub.store.partition import Partition

__all__ = ["Books"]

_LOOKED_AGAIN_MS = 60_000


def _book(raw: list[Any], seq: int, routed: int) -> Book:
    name, start, matched, delivered, dropped, replay, blocked, queued, retrying, parked, row = raw
    taken, sent, gone, waiting = int(matched), int(delivered), int(dropped), queued + retrying
    begin = int(start)
    return Book(
        connector=name.decode(),
        recorded=taken if replay else seq - begin,
        matched=taken,
        delivered=sent,
        filtered=0 if replay else routed - begin - taken,
        dropped=gone,
        parked=parked,
        pending=waiting if replay else seq - routed + waiting,
        queued=queued,
        retrying=retrying,
        dropped_by=_reasons(row),
        blocked=blocked.decode("utf-8", "replace") or None,
    )


def _reasons(row: list[bytes]) -> dict[str, int]:
    fields = zip(row[::2], row[1::2], strict=True)
    return {field[2:].decode("utf-8", "replace"): int(n) for field, n in fields if field.startswith(b"d:")}


def _connector_row(raw: list[Any], now_ms: int, oldest_seq: int) -> ConnectorRow:
    name, queued, head, retrying, parked, first, *state, _ = raw
    paused, blocked, since, probe_at, stood, delivered_at, trouble, tallied, told, untold, was = state
    stopped = int(since) if since else now_ms
    behind_ms = int(stood or 0) + max(now_ms - stopped, 0)
    """How far the connector's clock is behind the wall's."""
    kind: Literal["ok", "blocked", "paused"] = "paused" if paused else "blocked" if since else "ok"
    reason = {"paused": b"paused by an operator", "blocked": blocked, "ok": trouble if retrying else b""}[
        kind
    ]
    return ConnectorRow(
        name=name.decode(),
        state=kind,
        reason=reason.decode("utf-8", "replace"),
        since_ms=int(paused or since or 0),
        probe_at_ms=int(probe_at or 0),
        head_seq=int(head or 0),
        queued=queued,
        retrying=retrying,
        parked=parked,
        next_retry_ms=int(float(first)) + behind_ms if first else 0,
        clock_ms=max(now_ms - behind_ms, 0),
        last_delivered_ms=int(delivered_at or 0),
        oldest_seq=oldest_seq,
        tallied=int(tallied or 0),
        told=int(told or 0),
        untold=int(untold or 0),
        former=tuple(was.decode().split()) if was else (),
    )


class Books(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def books(self) -> list[Book]:
        seq, routed, *rows = await self._run("books", (self.keys.head, self.keys.rows), self.keys.row_prefix)
        return sorted((_book(row, int(seq), int(routed)) for row in rows), key=lambda book: book.connector)

    async def rows(self, *, now_ms: int, name: str | None = None) -> list[ConnectorRow]:
        """An `ok` row's reason is its last retry's error while there are retries."""
        wanted = () if name is None else (check_name(name),)
        raw = await self._run("rows", (self.keys.rows,), self.keys.row_prefix, *wanted)
        rows = [_connector_row(row, now_ms, await self._oldest(row, now_ms)) for row in raw]
        return sorted(rows, key=lambda row: row.name)

    async def _oldest(self, raw: list[Any], now_ms: int) -> int:
        """The row's own figure, or where the sets are large one that is up to a minute old.

        It is a lower bound then: what enters the sets comes from the queue, behind all that ever was in them.
        """
        if raw[-1] != b"":
            return int(raw[-1])
        name = raw[0].decode()
        oldest, at_ms = self._oldest_seen.get(name, (0, 0))
        if not at_ms <= now_ms < at_ms + _LOOKED_AGAIN_MS:
            keys = self.keys.row_keys(name)
            oldest = int(await self._run("oldest", (keys[3], keys[4])))
            self._oldest_seen[name] = oldest, now_ms
        return oldest

    async def clock_ms(self, name: str, *, now_ms: int) -> int:
        rows = await self.rows(now_ms=now_ms, name=name)
        return rows[0].clock_ms if rows else now_ms

    async def fates(self, seq: int) -> dict[str, str]:
        """A replay's row is named only where it still holds the event or dropped it."""
        raw = await self._run("fates", (self.keys.head, self.keys.rows), self.keys.row_prefix, seq)
        return {name.decode(): fate.decode("utf-8", "replace") for name, fate in raw}
