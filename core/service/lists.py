"""Safelists, blocklists and sender rules for callers: what they may see and change, and what goes on record.

All three are the same entries. Those of the account need the scope on all domains; those of a domain, and of
an address in it, need it on that domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.engine.lists import Kind, Tier
from core.lists import service, store
from core.lists.items import BadItem, Shelf, normalise
from core.lists.items import shelf as shelf_named
from core.lists.service import MAX_ITEMS, Added, Result, Wanted
from core.lists.store import Listed
from core.paging.keyset import Asked, Page, page
from core.service import visible
from core.service.by import By, Deed, record, record_many
from core.service.core import Core
from hub.web.errors import Forbidden, NotFound, ValidationFailed

__all__ = [
    "READ",
    "WRITE",
    "RuleChange",
    "add",
    "add_many",
    "change",
    "get",
    "listed",
    "remove",
    "remove_items",
    "shelf",
]

READ: Final = "rules:read"
WRITE: Final = "rules:write"
_NAMES: Final = {"safe": "safelist", "block": "blocklist"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleChange:
    """What is to become different in an entry; another item or list is another entry."""

    note: str | UnsetType = UNSET
    expires_ms: int | UnsetType | None = UNSET


async def shelf(tx: AsyncConnection, by: By, scope: str, tier: Tier, owner: str = "") -> Shelf:
    """Where a caller's list belongs, once it is known that they may.

    Raises `Forbidden`, and `NotFound` for a domain that they cannot see or what is no address.
    """
    if tier == "account":
        if not by.principal.reach(scope).everything:
            raise Forbidden(f"Lists of the account need the scope {scope!r} on all domains.")
        return Shelf(tier)
    try:
        named = shelf_named(tier, owner)
    except BadItem as error:
        raise NotFound(str(error)) from error
    domain = await visible.domain(tx, by, scope, named.domain)
    return named if tier == "user" else Shelf(tier, domain.name)


async def listed(
    core: Core,
    tx: AsyncConnection,
    by: By,
    where: Shelf,
    kind: Kind | None,
    *,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Listed]:
    """The living entries, the newest first; `where` comes from `shelf`. Raises as `core.paging` does."""
    now_ms = core.clock()
    asked = Asked(
        scope=f"lists:{by.tenant}:{where.tier}:{where.owner}",
        filters={"kind": kind},
        limit=limit,
        cursor=cursor,
        now_ms=now_ms,
    )
    query = store.select_from(by.tenant, where, kind, now_ms)
    return (await page(tx, query, store.BY, core.cursors, asked)).of(store.of)


async def add(core: Core, tx: AsyncConnection, by: By, where: Shelf, kind: Kind, wanted: Wanted) -> Added:
    """Put an item on a list. Event `rule.added`. Raises `ValidationFailed`, `Conflict` when it is there."""
    added = await service.add(tx, by.tenant, where, kind, wanted, by=by.principal.name, now_ms=core.clock())
    await record(core, tx, by, _deed("rule.added", added.entry, after=_data(added.entry)))
    return added


async def add_many(
    core: Core, tx: AsyncConnection, by: By, where: Shelf, kind: Kind, wanted: Sequence[Wanted]
) -> list[Result]:
    """Put many items on a list, each with a result of its own, in order. Events `rule.added`.

    Raises `ValidationFailed` for more than `MAX_ITEMS`.
    """
    results = await service.add_many(
        tx, by.tenant, where, kind, wanted, by=by.principal.name, now_ms=core.clock()
    )
    made = [each.entry for each in results if each.status == "added" and each.entry is not None]
    await record_many(core, tx, by, [_deed("rule.added", each, after=_data(each)) for each in made])
    return results


async def remove_items(
    core: Core, tx: AsyncConnection, by: By, where: Shelf, kind: Kind, items: Sequence[str]
) -> list[Listed]:
    """Take items off a list and return those that stood there. Events `rule.removed`.

    Raises `ValidationFailed` for what is no item or more than `MAX_ITEMS`, `NotFound` when none was there.
    """
    if not 0 < len(items) <= MAX_ITEMS:
        raise ValidationFailed.of("item", f"1 to {MAX_ITEMS} items at a time")
    try:
        plain = sorted({normalise(each).text for each in items})
    except BadItem as error:
        raise ValidationFailed.of("item", str(error)) from error
    found = await store.find_many(tx, by.tenant, where, plain, kind)
    if not found:
        raise NotFound(f"{', '.join(plain[:3])} is not on this list.")
    await _take_off(core, tx, by, found)
    return found


async def get(tx: AsyncConnection, by: By, scope: str, domain: str, rule_id: str) -> Listed:
    """A sender rule of a domain. Raises `NotFound`, `Forbidden`."""
    where = await shelf(tx, by, scope, "domain", domain)
    found = await store.get(tx, by.tenant, rule_id)
    if found is None or found.shelf != where:
        raise NotFound(f"{where.owner} has no rule {rule_id[:80]}.")
    return found


async def change(
    core: Core, tx: AsyncConnection, by: By, domain: str, rule_id: str, wanted: RuleChange
) -> Listed:
    """Change a sender rule's note or end. Event `rule.updated`.

    Raises `NotFound`, `Forbidden`, `ValidationFailed`.
    """
    before = await get(tx, by, WRITE, domain, rule_id)
    given = {"note": wanted.note, "expires_ms": wanted.expires_ms}
    values = {name: value for name, value in given.items() if value is not UNSET}
    if isinstance(wanted.expires_ms, int) and wanted.expires_ms <= core.clock():
        raise ValidationFailed.of("expires_at", "it would have expired already: give a later time")
    after = await store.change(tx, by.tenant, before.id, **values) if values else before
    if after is None or after == before:
        return before
    old = {name: getattr(before, name) for name in values}
    await record(core, tx, by, _deed("rule.updated", after, before=old, after=values))
    return after


async def remove(core: Core, tx: AsyncConnection, by: By, domain: str, rule_id: str) -> Listed:
    """Remove a sender rule. Event `rule.removed`. Raises `NotFound`, `Forbidden`."""
    found = await get(tx, by, WRITE, domain, rule_id)
    await _take_off(core, tx, by, [found])
    return found


async def _take_off(core: Core, tx: AsyncConnection, by: By, entries: Sequence[Listed]) -> None:
    await store.remove_many(tx, by.tenant, [each.id for each in entries])
    deeds = [_deed("rule.removed", each, before=_data(each)) for each in entries]
    await record_many(core, tx, by, deeds)


def _data(entry: Listed) -> dict[str, Any]:
    return {
        "id": entry.id,
        "tier": entry.shelf.tier,
        "owner": entry.shelf.owner,
        "list": _NAMES[entry.kind],
        "item": entry.item,
        "item_type": entry.type,
        "note": entry.note,
        "expires_ms": entry.expires_ms,
    }


def _deed(
    action: str, entry: Listed, *, before: dict[str, Any] | None = None, after: dict[str, Any] | None = None
) -> Deed:
    resource = Resource(type="rule", id=entry.id, domain=entry.shelf.domain)
    return Deed(action=action, resource=resource, before=before, after=after, event=action, data=_data(entry))
