"""Route tables, the rows of connectors, and the router's step.

A table's text stays the caller's, but for one thing: where it is a JSON object, its top-level keys are
connectors' names. `publish` makes their rows, `rename` and `forget` change them in the same step as the rows.
"""

import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

import orjson

from hub.store.base import Stale
from hub.store.keys import ROW_SUFFIXES, check_name, is_replay
from hub.store.partition import Partition
from hub.store.scripts import Argument

__all__ = ["MAX_REFERENCES", "Routing"]

MAX_REFERENCES: Final = 2_000
_LOOKS_AGAIN: Final = 20
"""How often a change of the rows is tried while others change them too."""


def _packed(routes: str) -> tuple[str, bytes]:
    raw = routes.encode()
    return sha256(raw).hexdigest()[:16], zlib.compress(raw, 6)


def _unpacked(value: bytes) -> tuple[int, str]:
    first, _, packed = value.split(b":", 2)
    return int(first), zlib.decompress(packed).decode()


def _table_object(routes: str) -> dict[str, Any]:
    try:
        table = orjson.loads(routes)
    except orjson.JSONDecodeError:
        return {}
    return table if isinstance(table, dict) else {}


class Routing(Partition):
    """See `hub.store.base.Log` for every verb."""

    async def table(self) -> tuple[int, str]:
        gen, value = await self._run("table", (self.keys.head, self.keys.tables))
        return int(gen), _unpacked(value)[1] if value else ""

    async def tables(self) -> list[tuple[int, int, str]]:
        raw = await self._command("HGETALL", self.keys.tables)
        return sorted((int(gen), *_unpacked(value)) for gen, value in raw.items())

    async def publish(self, routes: str, connectors: Sequence[str], *, now_ms: int) -> int:
        names = sorted({*connectors, *_table_object(routes)})
        for name in names:
            if is_replay(name):
                msg = f"the name {name!r} is a replay's: a connector's has no @"
                raise ValueError(msg)
        keys = (self.keys.head, self.keys.rows, self.keys.tables, *map(self.keys.row, names))
        return int(await self._run("publish", keys, now_ms, *_packed(routes), *names))

    async def add(self, name: str, *, now_ms: int) -> None:
        keys = (self.keys.head, self.keys.rows, self.keys.row(name))
        await self._run("add", keys, name, now_ms, int(is_replay(name)))

    async def route(self, frm: int, to: int, gen: int, refs: Mapping[str, Sequence[int]]) -> None:
        total = sum(map(len, refs.values()))
        if total > MAX_REFERENCES:
            msg = f"one route step takes at most {MAX_REFERENCES} references, not {total}"
            raise ValueError(msg)
        keys = [self.keys.head, self.keys.ready]
        args: list[Argument] = [frm, to, gen, self._seen]
        for name, seqs in refs.items():
            if seqs:
                keys += (self.keys.row(name), self.keys.queue(name))
                args += (name, len(seqs), *seqs)
        await self._run("route", keys, *args)

    async def forget(self, name: str) -> None:
        """Remove the row, its books and its replays' rows; the route table loses it in the same step."""
        check_name(name)
        for _ in range(_LOOKS_AGAIN):
            gen, routes = await self.table()
            table = _table_object(routes)
            packed: tuple[str, bytes] = ("", b"")
            if table.pop(name, None) is not None:
                packed = _packed(orjson.dumps(table).decode())
            try:
                await self._run(
                    "forget", self._table_keys(), name, self.keys.row_prefix, gen, *packed, *ROW_SUFFIXES
                )
            except Stale:
                continue
            return
        msg = f"the routes changed {_LOOKS_AGAIN} times while {name!r} was to be forgotten"
        raise Stale(msg)

    async def rename(self, old: str, new: str) -> None:
        """Rename the row, its replays' rows and its name in every route table, in one step.

        Raises `Stale` when there is no row `old`, `ValueError` when there is one named `new`.
        """
        for name in (check_name(old), check_name(new)):
            if is_replay(name):
                msg = f"{name!r} is a replay's row: rename its connector"
                raise ValueError(msg)
        for _ in range(_LOOKS_AGAIN):
            gen = (await self.table())[0]
            tables = await self._renamed_tables(old, new)
            args = (old, new, self.keys.row_prefix, gen, len(ROW_SUFFIXES), *ROW_SUFFIXES, *tables)
            try:
                await self._run("rename", self._table_keys(), *args)
            except Stale as error:
                if "no row" in str(error):
                    raise
                continue
            return
        msg = f"the routes changed {_LOOKS_AGAIN} times while {old!r} was to be renamed"
        raise Stale(msg)

    async def _renamed_tables(self, old: str, new: str) -> list[Argument]:
        """`gen, value, ...` of the tables that name `old`, naming `new` instead."""
        changed: list[Argument] = []
        for gen, first, routes in await self.tables():
            table = _table_object(routes)
            if old in table:
                text = orjson.dumps(
                    {new if name == old else name: rules for name, rules in table.items()}
                ).decode()
                digest, packed = _packed(text)
                changed += (gen, f"{first}:{digest}:".encode() + packed)
        return changed

    def _table_keys(self) -> tuple[str, ...]:
        return self.keys.head, self.keys.rows, self.keys.ready, self.keys.tables
