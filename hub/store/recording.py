"""Recording, reading and trimming."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from hub.model.event import Entry, Event, Header
from hub.model.ids import UID_BYTES
from hub.store.base import CursorMove, Head, Recorded
from hub.store.errors import lost_in_words
from hub.store.partition import Partition
from hub.store.scripts import Argument

__all__ = ["MAX_BYTES", "MAX_EVENTS", "Recording"]

MAX_EVENTS: Final = 200
MAX_BYTES: Final = 1024 * 1024
_TRIM_STEP: Final = 5_000
"""Entries forgotten in one step: bounded, so that nobody waits behind it."""
_READ_AT_ONCE: Final = 1_000
_FRESH: Final = ord("1")

_encode_header = msgspec.json.Encoder().encode
_decode_header = msgspec.json.Decoder(Header).decode


def _check(events: Sequence[Event]) -> None:
    size = sum(len(event.body) for event in events)
    if len(events) > MAX_EVENTS or (size > MAX_BYTES and len(events) > 1):
        raise ValueError(
            f"one step takes {MAX_EVENTS} events and {MAX_BYTES} bytes, not {len(events)} with {size}"
        )
    for event in events:
        if len(event.uid) != UID_BYTES:
            msg = f"an event id has {UID_BYTES} bytes, not {len(event.uid)}"
            raise ValueError(msg)


def _entry(raw: tuple[bytes, Any]) -> Entry:
    fields = raw[1]
    if not isinstance(fields, dict):  # a script's reply is flat, XRANGE's comes as a dict
        fields = dict(zip(fields[::2], fields[1::2], strict=True))
    return Entry(int(raw[0][:-2]), fields[b"u"], _decode_header(fields[b"h"]), fields[b"b"])


class Recording(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def record(
        self, events: Sequence[Event], move: CursorMove | None = None, *, now_ms: int
    ) -> Recorded:
        _check(events)
        limits = self.limits
        args: list[Argument] = [
            now_ms,
            limits.max_entries,
            limits.max_bytes,
            limits.dedupe_ms,
            limits.dedupe_ids,
        ]
        if move is None:
            args += ("", "0", "", "")
        elif not move.stream:
            msg = "a cursor needs the name of its stream"
            raise ValueError(msg)
        else:
            args += (move.stream, "0" if move.expected is None else "1", move.expected or "", move.to)
        args.append(self._seen)
        for event in events:
            args += (event.uid, _encode_header(event.header), event.body)
        keys = (self.keys.head, self.keys.log, *self.keys.seen, self.keys.cur)
        seq, fresh = await self._run("record", keys, *args)
        self._saw(seq)
        return Recorded(tuple([flag == _FRESH for flag in fresh]), int(seq))

    async def cursor(self, stream: str) -> str | None:
        raw = await self._command("HGET", self.keys.cur, stream)
        return None if raw is None else raw.decode()

    async def cursors(self) -> Mapping[str, str]:
        raw = await self._command("HGETALL", self.keys.cur)
        return {stream.decode(): cursor.decode() for stream, cursor in raw.items()}

    async def head(self) -> Head:
        *counts, now, known_from, lost = await self._run("head", (self.keys.head, self.keys.log))
        start, seq, routed, trim, gen, entries, size = map(int, counts)
        self._saw(seq)
        window = int(now) - int(known_from) if known_from else self.limits.dedupe_ms
        return Head(start, seq, routed, trim, gen, entries, size, window, lost_in_words(lost.decode()))

    async def read(self, after: int, count: int) -> list[Entry]:
        raw = await self._command("XRANGE", self.keys.log, after + 1, "+", "COUNT", count)
        entries = [_entry(item) for item in raw]
        if entries:
            self._saw(entries[-1].seq)
        return entries

    async def entries(self, seqs: Sequence[int]) -> dict[int, Entry]:
        if not seqs:
            return {}
        found: list[Any] = []
        if seqs[-1] - seqs[0] == len(seqs) - 1:
            found = await self._command("XRANGE", self.keys.log, seqs[0], seqs[-1])
        else:
            for at in range(0, len(seqs), _READ_AT_ONCE):
                found += await self._run("entries", (self.keys.log,), *seqs[at : at + _READ_AT_ONCE])
        return {entry.seq: entry for entry in map(_entry, found)}

    async def trim(self, to: int) -> int:
        trim, goal = 0, 1
        while trim < goal:
            keys = (self.keys.head, self.keys.log)
            trim, goal = map(int, await self._run("trim", keys, max(to, 0), _TRIM_STEP, self._seen))
        return trim
