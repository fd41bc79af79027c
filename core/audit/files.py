"""An export as a file that grows at its end only: any range of its bytes, without what lies before it.

Entries stand in the order of their numbers, and what is written later has a higher number, whatever its time.
So the bytes of a day (of any filter) never change, and how long its begin is can be remembered. Two things
make another file: retention, which takes entries away, and an entry that was tampered with, which says so.
"""

import asyncio
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import select

from core.audit.chain import Chain
from core.audit.export import Form, Writer, pieces
from core.audit.query import Filter
from core.store.database import Database
from core.store.tables import audit_entries

__all__ = ["ExportFile", "ExportFiles"]

_REMEMBERED: Final = 64
_entry = audit_entries.c


class _Mark(NamedTuple):
    """What lies up to entry `seq` has so many bytes."""

    bytes: int
    seq: int


@dataclass(slots=True)
class _Known:
    first: int = 0
    """The first entry; 0 = none yet."""
    marks: list[_Mark] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def end(self) -> _Mark:
        return self.marks[-1] if self.marks else _Mark(0, 0)


@dataclass(frozen=True, slots=True)
class _Source:
    database: Database
    chain: Chain
    tenant: str
    asked: Filter
    form: Form | Writer


@dataclass(frozen=True, slots=True)
class ExportFile:
    """As it is now: so many bytes, the last of them of `changed_ms`. `etag` names exactly these."""

    size: int
    etag: str
    changed_ms: int
    _source: _Source
    _marks: tuple[_Mark, ...]

    async def read(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Bytes `first` to `last`, both included, in pieces."""
        at = bisect_right(self._marks, first, key=lambda mark: mark.bytes) - 1
        begin = self._marks[at] if at >= 0 else None
        source, place = self._source, begin.bytes if begin else 0
        found = pieces(
            source.database,
            source.chain,
            source.tenant,
            source.asked,
            source.form,
            after=begin.seq if begin else None,
        )
        async for piece in found:
            part = piece.data[max(first - place, 0) : last + 1 - place]
            place += len(piece.data)
            if part:
                yield part
            if place > last:
                return


class ExportFiles:
    """Remembers where the entries of recent exports lie, a few bytes for every page of entries."""

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._files: OrderedDict[Hashable, _Known] = OrderedDict()

    async def open(
        self,
        database: Database,
        chain: Chain,
        tenant: str,
        asked: Filter,
        form: Form | Writer,
        *,
        seen: Hashable = None,
    ) -> ExportFile:
        """The export as it is now. The first time it is rendered once to measure it.

        Args:
            database: where the log lies.
            chain: what verifies its entries.
            tenant: whose.
            asked: which entries.
            form: how they are written.
            seen: stands for `asked.within`: equal values mean the same domains.

        """
        source = _Source(database, chain, tenant, asked, form)
        name = form.name if isinstance(form, Writer) else form
        known = self._known((tenant, name, seen, tuple(sorted(asked.as_dict().items()))))
        async with known.lock:
            if known.first and not await _still_there(source, known.first):
                known.first, known.marks = 0, []
            await _measure(source, known)
            end = known.end
            etag = f'"{known.first:x}-{end.seq:x}-{end.bytes:x}"'
            changed_ms = await _written_ms(source, end.seq)
            return ExportFile(end.bytes, etag, changed_ms, source, (*known.marks,))

    def _known(self, key: Hashable) -> _Known:
        known = self._files.setdefault(key, _Known())
        self._files.move_to_end(key)
        while len(self._files) > self._remembered:
            self._files.popitem(last=False)
        return known


async def _measure(source: _Source, known: _Known) -> None:
    """Add what has come since the last time."""
    after = known.end.seq if known.marks else None
    found = pieces(source.database, source.chain, source.tenant, source.asked, source.form, after=after)
    async for piece in found:
        known.marks.append(_Mark(known.end.bytes + len(piece.data), piece.seq))
    if not known.first and known.end.seq:
        known.first = await _first(source)


async def _first(source: _Source) -> int:
    async with source.database.read() as tx:
        asked = source.asked.select(source.tenant).with_only_columns(_entry.seq)
        return (await tx.execute(asked.order_by(_entry.seq).limit(1))).scalar_one_or_none() or 0


async def _written_ms(source: _Source, seq: int) -> int:
    """When an entry was written; 0 where there is none."""
    async with source.database.read() as tx:
        asked = select(_entry.at_ms).where(_entry.tenant == source.tenant, _entry.seq == seq)
        return (await tx.execute(asked)).scalar_one_or_none() or 0


async def _still_there(source: _Source, seq: int) -> bool:
    async with source.database.read() as tx:
        asked = select(_entry.seq).where(_entry.tenant == source.tenant, _entry.seq == seq)
        return (await tx.execute(asked)).scalar_one_or_none() is not None
