"""Organizations: domains that are looked at together."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.paging.keyset import Asked, Page, page
from core.service import customers, visible
from core.service.by import By, Deed, record
from core.service.core import Core
from core.store import customers as stored
from core.store import domains as domain_rows
from core.store.customers import Organization
from core.store.domain_rows import Domain
from core.store.tables import domains as domain_table
from hub.sql.ids import new_id
from hub.web.errors import Conflict, NotFound, ValidationFailed

__all__ = ["Organization", "change", "domains", "every", "find", "make", "remove"]

_READ_DOMAINS: Final = "domains:read"


async def every(
    core: Core,
    tx: AsyncConnection,
    by: By,
    *,
    customer_id: str | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Organization]:
    """The newest first. Raises `ValidationFailed` and `CursorExpired` for the cursor."""
    filters = {"customer_id": customer_id}
    asked = Asked(scope=f"organizations:{by.tenant}", filters=filters, limit=limit, cursor=cursor)
    query = stored.all_organizations_of(by.tenant, customer_id)
    return (await page(tx, query, stored.ORGANIZATIONS, core.cursors, asked)).of(Organization.of)


async def find(tx: AsyncConnection, by: By, organization_id: str) -> Organization:
    """Raises `NotFound`."""
    found = await stored.find_organization(tx, by.tenant, organization_id)
    if found is None:
        raise NotFound(f"There is no organization {organization_id[:64]}.")
    return found


async def make(core: Core, tx: AsyncConnection, by: By, name: str, *, customer_id: str = "") -> Organization:
    """Raises `ValidationFailed`, for a customer that there is not too."""
    customers.check_name(name)
    await _check_customer(tx, by, customer_id)
    made = Organization(
        id=new_id("org"), tenant=by.tenant, customer_id=customer_id, name=name, created_ms=core.clock()
    )
    await stored.add_organization(tx, made)
    await record(core, tx, by, _deed("organization.created", None, made))
    return made


async def change(
    core: Core, tx: AsyncConnection, by: By, organization_id: str, values: Mapping[str, Any]
) -> Organization:
    """`values`: `name`, `customer_id`. Raises `NotFound`, `ValidationFailed`."""
    before = await find(tx, by, organization_id)
    if unknown := set(values) - {"name", "customer_id"}:
        raise ValidationFailed.of(min(unknown), "cannot be changed")
    if not values:
        return before
    customers.check_name(values.get("name", before.name))
    await _check_customer(tx, by, values.get("customer_id", ""))
    await stored.change_organization(tx, organization_id, **values)
    after = await find(tx, by, organization_id)
    await record(core, tx, by, _deed("organization.updated", before, after))
    return after


async def remove(core: Core, tx: AsyncConnection, by: By, organization_id: str) -> Organization:
    """One without domains. Raises `NotFound`, `Conflict`."""
    before = await find(tx, by, organization_id)
    left = await stored.domains_of_organization(tx, by.tenant, organization_id)
    if left:
        raise Conflict(f"The organization still has {left} domains: move or remove them first.")
    await stored.remove_organization(tx, organization_id)
    await record(core, tx, by, _deed("organization.deleted", before, None))
    return before


async def domains(
    core: Core,
    tx: AsyncConnection,
    by: By,
    organization_id: str,
    *,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Domain]:
    """Its domains that the caller may see, the newest first. Raises `NotFound`, and for the cursor."""
    await find(tx, by, organization_id)
    own = select(domain_table).where(
        domain_table.c.tenant == by.tenant, domain_table.c.organization_id == organization_id
    )
    seen = visible.limit(own, by, _READ_DOMAINS, domain_table.c.name)
    asked = Asked(scope=f"organization:{by.tenant}:{organization_id}", filters={}, limit=limit, cursor=cursor)
    rows = await page(tx, seen, domain_rows.BY, core.cursors, asked)
    return Page(
        items=await domain_rows.domains_of(tx, rows.items), next_cursor=rows.next_cursor, limit=rows.limit
    )


async def _check_customer(tx: AsyncConnection, by: By, customer_id: str) -> None:
    if customer_id and await stored.find(tx, by.tenant, customer_id) is None:
        raise ValidationFailed.of("customer_id", f"there is no customer {customer_id[:64]}")


def _deed(action: str, before: Organization | None, after: Organization | None) -> Deed:
    known = after or before
    return Deed(
        action=action,
        resource=Resource(type="organization", id=known.id if known else ""),
        before=_shown(before),
        after=_shown(after),
    )


def _shown(one: Organization | None) -> dict[str, Any] | None:
    return None if one is None else {"name": one.name, "customer_id": one.customer_id}
