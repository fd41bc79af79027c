"""The entries of lists, stored: safelists, blocklists and sender rules are the same rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import Entry, ItemType, Kind, Sender, Tier, owner_address
from core.lists.items import Item, Shelf, client_forms, sender_forms
from core.paging.keyset import Keyset
from core.store.tables import list_items
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = [
    "BY",
    "Listed",
    "NewEntry",
    "add",
    "add_many",
    "change",
    "every",
    "find",
    "find_many",
    "get",
    "of",
    "purge",
    "relevant",
    "remove",
    "remove_many",
    "select_from",
]

_row = list_items.c
_STORED: Mapping[Kind, str] = {"safe": "allow", "block": "block"}
_KINDS: Mapping[str, Kind] = {"allow": "safe", "block": "block"}
_CHUNK = 400
BY = Keyset(_row.created_ms, _row.id)
"""The order of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A stored entry."""

    id: str
    shelf: Shelf
    kind: Kind
    type: ItemType
    item: str
    note: str
    expires_ms: int | None
    created_by: str
    created_ms: int

    def entry(self) -> Entry:
        """As the engine decides by it."""
        return Entry(tier=self.shelf.tier, kind=self.kind, item=self.item, owner=self.shelf.owner, id=self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """What to add."""

    shelf: Shelf
    kind: Kind
    item: Item
    note: str = ""
    expires_ms: int | None = None
    created_by: str = ""


async def add(tx: AsyncConnection, tenant: str, new: NewEntry, now_ms: int) -> Listed | None:
    """Store an entry; `None` when that list has the item already. One that has expired makes room."""
    return (await add_many(tx, tenant, [new], now_ms))[0]


async def add_many(
    tx: AsyncConnection, tenant: str, new: Sequence[NewEntry], now_ms: int
) -> list[Listed | None]:
    """Store entries of one shelf and kind; `None` in the place of each whose item that list has already."""
    made: dict[str, Listed] = {}
    rows = [_values(tenant, each, now_ms) for each in new]
    for start in range(0, len(new), _CHUNK):
        part, chunk = new[start : start + _CHUNK], rows[start : start + _CHUNK]
        items = _row.item.in_(sorted({each.item.text for each in part}))
        where = (*_on(tenant, part[0].shelf), _row.kind == _STORED[part[0].kind], items)
        await tx.execute(delete(list_items).where(*where, _row.expires_ms <= now_ms))
        adding = upsert.insert(tx, list_items).values(chunk).on_conflict_do_nothing().returning(list_items)
        made |= {row["id"]: of(row) for row in (await tx.execute(adding)).mappings()}
    return [made.get(row["id"]) for row in rows]


async def get(tx: AsyncConnection, tenant: str, entry_id: str) -> Listed | None:
    rows = await tx.execute(select(list_items).where(_row.tenant == tenant, _row.id == entry_id))
    found = rows.mappings().one_or_none()
    return None if found is None else of(found)


async def find(
    tx: AsyncConnection, tenant: str, shelf: Shelf, item: str, kind: Kind | None = None
) -> Sequence[Listed]:
    """The entries of a shelf for an item (in normal form): on one list, or on both."""
    return await find_many(tx, tenant, shelf, [item], kind)


async def find_many(
    tx: AsyncConnection, tenant: str, shelf: Shelf, items: Sequence[str], kind: Kind | None = None
) -> list[Listed]:
    """As `find`, for several items."""
    found: list[Listed] = []
    for start in range(0, len(items), _CHUNK):
        where = [*_on(tenant, shelf), _row.item.in_(items[start : start + _CHUNK])]
        if kind is not None:
            where.append(_row.kind == _STORED[kind])
        rows = await tx.execute(select(list_items).where(*where).order_by(_row.kind, _row.item))
        found += [of(row) for row in rows.mappings()]
    return found


async def change(tx: AsyncConnection, tenant: str, entry_id: str, **values: Any) -> Listed | None:
    """Set `note` or `expires_ms`; `None` when there is no such entry."""
    where = (_row.tenant == tenant, _row.id == entry_id)
    await tx.execute(update(list_items).where(*where).values(**values))
    return await get(tx, tenant, entry_id)


async def remove(tx: AsyncConnection, tenant: str, entry_id: str) -> bool:
    """Whether it was there."""
    return await remove_many(tx, tenant, [entry_id]) > 0


async def remove_many(tx: AsyncConnection, tenant: str, entry_ids: Sequence[str]) -> int:
    """How many were there."""
    gone = 0
    for start in range(0, len(entry_ids), _CHUNK):
        ids = entry_ids[start : start + _CHUNK]
        gone += (await tx.execute(delete(list_items).where(_row.tenant == tenant, _row.id.in_(ids)))).rowcount
    return gone


async def purge(tx: AsyncConnection, now_ms: int) -> int:
    """Delete what has expired, of all tenants."""
    gone = await tx.execute(delete(list_items).where(_row.expires_ms <= now_ms))
    return gone.rowcount


def select_from(tenant: str, shelf: Shelf, kind: Kind | None, now_ms: int) -> Select[Any]:
    """The living entries of a shelf, on one list or both, for `core.paging`; rows become entries by `of`."""
    where = [*_on(tenant, shelf), _alive(now_ms)]
    if kind is not None:
        where.append(_row.kind == _STORED[kind])
    return select(list_items).where(*where)


async def every(
    tx: AsyncConnection, tenant: str, shelf: Shelf, kind: Kind | None, now_ms: int
) -> list[Listed]:
    """All living entries of a shelf, on one list or both, the oldest first."""
    asked = select_from(tenant, shelf, kind, now_ms).order_by(_row.created_ms, _row.id)
    return [of(row) for row in (await tx.execute(asked)).mappings()]


async def relevant(
    tx: AsyncConnection, tenant: str, sender: Sender, recipients: Iterable[str], now_ms: int
) -> list[Entry]:
    """The living entries that could decide for this sender and one of these recipients.

    Exact items are looked up by what they would have to be; networks and wildcards are all taken.
    """
    addresses = sorted({owner_address(address) for address in recipients})
    domains = sorted({address.rpartition("@")[2] for address in addresses})
    named = (*sender_forms(sender.mail_from), *sender_forms(sender.header_from))
    forms = {*client_forms(sender.client_ip), *named}
    where = or_(
        _of("account", [""]),
        _of("domain", domains),
        _of("user", addresses),
    )
    fits = or_(_row.type.in_(("cidr", "wildcard")), _row.item.in_(sorted(forms)))
    asked = select(list_items).where(_row.tenant == tenant, where, fits, _alive(now_ms)).order_by(_row.id)
    return [of(row).entry() for row in (await tx.execute(asked)).mappings()]


def _values(tenant: str, new: NewEntry, now_ms: int) -> dict[str, Any]:
    return {
        "id": new_id("rul"),
        "tenant": tenant,
        "tier": new.shelf.tier,
        "owner": new.shelf.owner,
        "domain": new.shelf.domain,
        "kind": _STORED[new.kind],
        "type": new.item.type,
        "item": new.item.text,
        "note": new.note,
        "expires_ms": new.expires_ms,
        "created_by": new.created_by,
        "created_ms": now_ms,
    }


def of(row: RowMapping) -> Listed:
    """The entry of a row."""
    same = ("id", "type", "item", "note", "expires_ms", "created_by", "created_ms")
    kind = _KINDS[row["kind"]]
    return Listed(shelf=Shelf(row["tier"], row["owner"]), kind=kind, **{name: row[name] for name in same})


def _on(tenant: str, shelf: Shelf) -> tuple[ColumnElement[bool], ...]:
    return (_row.tenant == tenant, _row.tier == shelf.tier, _row.owner == shelf.owner)


def _of(tier: Tier, owners: Sequence[str]) -> ColumnElement[bool]:
    return and_(_row.tier == tier, _row.owner.in_(owners))


def _alive(now_ms: int) -> ColumnElement[bool]:
    return or_(_row.expires_ms.is_(None), _row.expires_ms > now_ms)
