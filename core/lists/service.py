"""Adding to lists as callers do: by text, one at a time or many, told what is wrong with each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import Kind
from core.lists import store
from core.lists.items import BadItem, Item, Shelf, normalise
from core.lists.store import Listed, NewEntry
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["MAX_ITEMS", "Added", "Result", "Wanted", "add", "add_many"]

MAX_ITEMS = 1000
_MAX_NOTE_CHARS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An entry as a caller writes it."""

    item: str
    note: str = ""
    expires_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """`conflicts` are the entries of the same shelf that say the opposite of this item; safe wins."""

    entry: Listed
    conflicts: Sequence[Listed] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one of many: `error` says why it was not added, `entry` is then the one in its way."""

    index: int
    item: str
    status: Literal["added", "exists", "invalid"]
    entry: Listed | None = None
    conflicts: Sequence[Listed] = ()
    error: str = ""


async def add(
    tx: AsyncConnection, tenant: str, shelf: Shelf, kind: Kind, wanted: Wanted, *, by: str, now_ms: int
) -> Added:
    """Put an item on a list. Raises `ValidationFailed`, and `Conflict` when it is there already."""
    (result,) = await add_many(tx, tenant, shelf, kind, [wanted], by=by, now_ms=now_ms)
    if result.status == "invalid":
        raise ValidationFailed.of("item", result.error)
    if result.status == "exists" or result.entry is None:
        known = result.entry.id if result.entry is not None else ""
        raise Conflict(result.error, details=[{"field": "item", "message": result.error, "id": known}])
    return Added(entry=result.entry, conflicts=result.conflicts)


async def add_many(
    tx: AsyncConnection,
    tenant: str,
    shelf: Shelf,
    kind: Kind,
    wanted: Sequence[Wanted],
    *,
    by: str,
    now_ms: int,
) -> list[Result]:
    """Put many items on a list, at most `MAX_ITEMS`; each has its own result, in order.

    Raises `ValidationFailed` for too many.
    """
    if len(wanted) > MAX_ITEMS:
        raise ValidationFailed.of("items", f"{len(wanted)} items, at most {MAX_ITEMS} at a time")
    checked = [_checked(each, now_ms) for each in wanted]
    new = [
        NewEntry(shelf=shelf, kind=kind, item=item, note=each.note, expires_ms=each.expires_ms, created_by=by)
        for each, item in zip(wanted, checked, strict=True)
        if isinstance(item, Item)
    ]
    made = iter(await store.add_many(tx, tenant, new, now_ms))
    there = _Shelved(kind, now_ms, await store.find_many(tx, tenant, shelf, [each.item.text for each in new]))
    return [
        there.result(index, item, next(made))
        if isinstance(item, Item)
        else Result(index=index, item=wanted[index].item[:80], status="invalid", error=str(item))
        for index, item in enumerate(checked)
    ]


class _Shelved:
    """What stands on a shelf for the items asked about, the new entries included."""

    def __init__(self, kind: Kind, now_ms: int, entries: Sequence[Listed]) -> None:
        self._same = {each.item: each for each in entries if each.kind == kind}
        living = [each for each in entries if each.expires_ms is None or each.expires_ms > now_ms]
        self._opposite = {each.item: each for each in living if each.kind != kind}

    def result(self, index: int, item: Item, made: Listed | None) -> Result:
        if made is None:
            known, error = self._same.get(item.text), f"{item.text} is on this list already"
            return Result(index=index, item=item.text, status="exists", entry=known, error=error)
        other = self._opposite.get(item.text)
        conflicts = [] if other is None else [other]
        return Result(index=index, item=item.text, status="added", entry=made, conflicts=conflicts)


def _checked(wanted: Wanted, now_ms: int) -> Item | BadItem:
    """The item in normal form, or what is wrong with it."""
    try:
        _check(wanted, now_ms)
        return normalise(wanted.item)
    except BadItem as error:
        return error


def _check(wanted: Wanted, now_ms: int) -> None:
    if len(wanted.note) > _MAX_NOTE_CHARS:
        raise BadItem(f"the note has {len(wanted.note)} characters, at most {_MAX_NOTE_CHARS}")
    if wanted.expires_ms is not None and wanted.expires_ms <= now_ms:
        raise BadItem("it would have expired already: give a later time")
