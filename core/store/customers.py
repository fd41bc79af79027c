"""Customers and their organizations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Keyset
from core.store.tables import customers, domains, organizations, subscriptions

__all__ = [
    "CUSTOMERS",
    "ORGANIZATIONS",
    "Customer",
    "Organization",
    "add",
    "add_organization",
    "all_of",
    "all_organizations_of",
    "attached",
    "change",
    "change_organization",
    "domains_of_organization",
    "find",
    "find_organization",
    "remove",
    "remove_organization",
]

CUSTOMERS = Keyset(customers.c.created_ms, customers.c.id)
ORGANIZATIONS = Keyset(organizations.c.created_ms, organizations.c.id)
"""The orders of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """`status`: `active` or `suspended`."""

    id: str
    tenant: str
    name: str
    email: str
    status: str
    settings: Mapping[str, Any]
    created_ms: int
    updated_ms: int

    @classmethod
    def of(cls, row: RowMapping) -> "Customer":
        return cls(**row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """Domains that are looked at together; `customer_id` is empty for the tenant's own."""

    id: str
    tenant: str
    customer_id: str
    name: str
    created_ms: int

    @classmethod
    def of(cls, row: RowMapping) -> "Organization":
        return cls(**row)


def all_of(tenant: str, status: str | None = None) -> Select[Any]:
    wanted = select(customers).where(customers.c.tenant == tenant)
    return wanted if status is None else wanted.where(customers.c.status == status)


def all_organizations_of(tenant: str, customer_id: str | None = None) -> Select[Any]:
    wanted = select(organizations).where(organizations.c.tenant == tenant)
    return wanted if customer_id is None else wanted.where(organizations.c.customer_id == customer_id)


async def find(tx: AsyncConnection, tenant: str, customer_id: str) -> Customer | None:
    row = (await tx.execute(all_of(tenant).where(customers.c.id == customer_id))).mappings().one_or_none()
    return None if row is None else Customer.of(row)


async def find_organization(tx: AsyncConnection, tenant: str, organization_id: str) -> Organization | None:
    wanted = all_organizations_of(tenant).where(organizations.c.id == organization_id)
    row = (await tx.execute(wanted)).mappings().one_or_none()
    return None if row is None else Organization.of(row)


async def add(tx: AsyncConnection, new: Customer) -> None:
    row = {name: getattr(new, name) for name in Customer.__dataclass_fields__}
    await tx.execute(insert(customers).values({**row, "settings": dict(new.settings)}))


async def add_organization(tx: AsyncConnection, new: Organization) -> None:
    row = {name: getattr(new, name) for name in Organization.__dataclass_fields__}
    await tx.execute(insert(organizations).values(row))


async def change(tx: AsyncConnection, customer_id: str, now_ms: int, **values: Any) -> None:
    which = update(customers).where(customers.c.id == customer_id)
    await tx.execute(which.values(updated_ms=now_ms, **values))


async def change_organization(tx: AsyncConnection, organization_id: str, **values: Any) -> None:
    await tx.execute(update(organizations).where(organizations.c.id == organization_id).values(**values))


async def attached(tx: AsyncConnection, tenant: str, customer_id: str) -> dict[str, int]:
    """How much there is of a customer, by its kind; what there is none of is left out."""
    found = {}
    for kind, table in (
        ("domains", domains),
        ("organizations", organizations),
        ("subscriptions", subscriptions),
    ):
        mine = (table.c.tenant == tenant) & (table.c.customer_id == customer_id)
        found[kind] = int(
            (await tx.execute(select(func.count()).select_from(table).where(mine))).scalar_one()
        )
    return {kind: how_many for kind, how_many in found.items() if how_many}


async def domains_of_organization(tx: AsyncConnection, tenant: str, organization_id: str) -> int:
    mine = (domains.c.tenant == tenant) & (domains.c.organization_id == organization_id)
    return int((await tx.execute(select(func.count()).select_from(domains).where(mine))).scalar_one())


async def remove(tx: AsyncConnection, customer_id: str) -> None:
    await tx.execute(delete(customers).where(customers.c.id == customer_id))


async def remove_organization(tx: AsyncConnection, organization_id: str) -> None:
    await tx.execute(delete(organizations).where(organizations.c.id == organization_id))
