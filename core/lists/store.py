"""The entries of lists, stored: safelists, blocklists and sender rules are the same rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.engine.lists import Entry, ItemType, Kind, Sender, Tier, plain_address
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
    "change",
    "find",
    "get",
    "of",
    "purge",
    "relevant",
    "remove",
    "select_from",
]

_row = list_items.c
_STORED: Mapping[Kind, str] = {"safe": "allow", "block": "block"}
_KINDS: Mapping[str, Kind] = {"allow": "safe", "block": "block"}
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
    where = (*_on(tenant, new.shelf), _row.kind == _STORED[new.kind], _row.item == new.item.text)
    await tx.execute(delete(list_items).where(*where, _row.expires_ms <= now_ms))
    values: dict[str, Any] = {
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
    made = await tx.execute(upsert.insert(tx, list_items).values(**values).on_conflict_do_nothing())
    return await get(tx, tenant, values["id"]) if made.rowcount else None


async def get(tx: AsyncConnection, tenant: str, entry_id: str) -> Listed | None:
    rows = await tx.execute(select(list_items).where(_row.tenant == tenant, _row.id == entry_id))
    found = rows.mappings().one_or_none()
    return None if found is None else of(found)


async def find(
    tx: AsyncConnection, tenant: str, shelf: Shelf, item: str, kind: Kind | None = None
) -> Sequence[Listed]:
    """The entries of a shelf for an item (in normal form): on one list, or on both."""
    where = [*_on(tenant, shelf), _row.item == item]
    if kind is not None:
        where.append(_row.kind == _STORED[kind])
    rows = await tx.execute(select(list_items).where(*where).order_by(_row.kind))
    return [of(row) for row in rows.mappings()]


async def change(tx: AsyncConnection, tenant: str, entry_id: str, **values: Any) -> Listed | None:
    """Set `note` or `expires_ms`; `None` when there is no such entry."""
    where = (_row.tenant == tenant, _row.id == entry_id)
    await tx.execute(update(list_items).where(*where).values(**values))
    return await get(tx, tenant, entry_id)


async def remove(tx: AsyncConnection, tenant: str, entry_id: str) -> bool:
    """Whether it was there."""
    gone = await tx.execute(delete(list_items).where(_row.tenant == tenant, _row.id == entry_id))
    return gone.rowcount > 0


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


async def relevant(
    tx: AsyncConnection, tenant: str, sender: Sender, recipients: Iterable[str], now_ms: int
) -> list[Entry]:
    """The living entries that could decide for this sender and one of these recipients.

    Exact items are looked up by what they would have to be; networks and wildcards are all taken.
    """
    addresses = sorted({plain_address(address) for address in recipients})
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
