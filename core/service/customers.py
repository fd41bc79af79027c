"""Customers of a tenant (those whose domains an MSP looks after)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.paging.keyset import Asked, Page, page
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import customers as stored
from core.store.customers import Customer
from hub.sql.ids import new_id
from hub.web.errors import Conflict, NotFound, ValidationFailed

__all__ = ["STATUSES", "Customer", "NewCustomer", "change", "check_name", "every", "find", "make", "remove"]

STATUSES: Final = ("active", "suspended")
_TEXT: Final = 200
_SETTINGS_BYTES: Final = 16 * 1024
_CHANGEABLE: Final = ("name", "email", "status", "settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomer:
    """`settings` are the tenant's own notes, at most 16 KiB of JSON."""

    name: str
    email: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


async def every(
    core: Core,
    tx: AsyncConnection,
    by: By,
    *,
    status: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Customer]:
    """The newest first. Raises `ValidationFailed` and `CursorExpired` for the cursor."""
    asked = Asked(scope=f"customers:{by.tenant}", filters={"status": status}, limit=limit, cursor=cursor)
    query = stored.all_of(by.tenant, status)
    return (await page(tx, query, stored.CUSTOMERS, core.cursors, asked)).of(Customer.of)


async def find(tx: AsyncConnection, by: By, customer_id: str) -> Customer:
    """Raises `NotFound`."""
    found = await stored.find(tx, by.tenant, customer_id)
    if found is None:
        raise NotFound(f"There is no customer {customer_id[:64]}.")
    return found


async def make(core: Core, tx: AsyncConnection, by: By, new: NewCustomer) -> Customer:
    """Raises `ValidationFailed`."""
    _check({"name": new.name, "email": new.email, "settings": new.settings})
    now_ms = core.clock()
    made = Customer(
        id=new_id("cus"),
        tenant=by.tenant,
        name=new.name,
        email=new.email,
        status=STATUSES[0],
        settings=dict(new.settings),
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await stored.add(tx, made)
    await record(core, tx, by, _deed("customer.created", None, made))
    return made


async def change(
    core: Core, tx: AsyncConnection, by: By, customer_id: str, values: Mapping[str, Any]
) -> Customer:
    """`values`: `name`, `email`, `status`, `settings`. Raises `NotFound`, `ValidationFailed`."""
    before = await find(tx, by, customer_id)
    _check(values)
    await stored.change(tx, customer_id, core.clock(), **values)
    after = await find(tx, by, customer_id)
    await record(core, tx, by, _deed("customer.updated", before, after))
    return after


async def remove(core: Core, tx: AsyncConnection, by: By, customer_id: str) -> Customer:
    """One that has nothing any more. Raises `NotFound`, `Conflict`."""
    before = await find(tx, by, customer_id)
    left = await stored.attached(tx, by.tenant, customer_id)
    if left:
        said = ", ".join(f"{how_many} {kind}" for kind, how_many in left.items())
        raise Conflict(f"The customer still has {said}: remove them, or give them to somebody else, first.")
    await stored.remove(tx, customer_id)
    await record(core, tx, by, _deed("customer.deleted", before, None))
    return before


def check_name(name: str) -> None:
    """Raises `ValidationFailed`."""
    if not 0 < len(name) <= _TEXT or not name.isprintable():
        raise ValidationFailed.of("name", f"1 to {_TEXT} printable characters")


def _check(values: Mapping[str, Any]) -> None:
    if unknown := set(values) - set(_CHANGEABLE):
        raise ValidationFailed.of(min(unknown), "cannot be changed")
    if "name" in values:
        check_name(values["name"])
    email = values.get("email", "")
    if email and ("@" not in email or len(email) > _TEXT or not email.isprintable()):
        raise ValidationFailed.of("email", "an address such as jo@example.com, or nothing")
    if values.get("status", STATUSES[0]) not in STATUSES:
        raise ValidationFailed.of("status", f"one of {', '.join(STATUSES)}")
    if len(_json(values.get("settings", {}))) > _SETTINGS_BYTES:
        raise ValidationFailed.of("settings", f"at most {_SETTINGS_BYTES} bytes of JSON")


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ValidationFailed.of("settings", "must be JSON") from error


def _deed(action: str, before: Customer | None, after: Customer | None) -> Deed:
    known = after or before
    return Deed(
        action=action,
        resource=Resource(type="customer", id=known.id if known else ""),
        before=_shown(before),
        after=_shown(after),
    )


def _shown(one: Customer | None) -> dict[str, Any] | None:
    return None if one is None else {name: getattr(one, name) for name in _CHANGEABLE}
