"""Recipients: addresses that somebody said something about."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import RowMapping, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.paging.keyset import Keyset
from core.store.tables import recipients
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = ["BY", "Filtering", "Recipient", "find", "of", "put", "remove", "select_from"]

Filtering = Literal["true", "false", "compute"]
_row = recipients.c
BY = Keyset(_row.created_ms, _row.id)
"""The order of pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """`email` is lower case, its domain in A-labels. `filter` says whether their mail is filtered; `compute`
    leaves it to the domain. `admin` says that they administer the domain.
    """

    id: str
    domain: str
    email: str
    admin: bool
    filter: Filtering
    created_ms: int
    updated_ms: int


async def find(tx: AsyncConnection, tenant: str, email: str) -> Recipient | None:
    rows = await tx.execute(select(recipients).where(_row.tenant == tenant, _row.email == email))
    found = rows.mappings().one_or_none()
    return None if found is None else of(found)


async def put(
    tx: AsyncConnection, tenant: str, email: str, *, admin: bool, filtering: Filtering, now_ms: int
) -> Recipient:
    """Make the recipient, or set both of the one that is there."""
    values: dict[str, Any] = {"admin": admin, "filter": filtering, "updated_ms": now_ms}
    new = upsert.insert(tx, recipients).values(
        id=new_id("usr"),
        tenant=tenant,
        domain=email.rpartition("@")[2],
        email=email,
        created_ms=now_ms,
        **values,
    )
    stored = new.on_conflict_do_update(index_elements=["tenant", "email"], set_=values)
    return of((await tx.execute(stored.returning(recipients))).mappings().one())


async def remove(tx: AsyncConnection, tenant: str, email: str) -> bool:
    """Whether there was one."""
    gone = await tx.execute(delete(recipients).where(_row.tenant == tenant, _row.email == email))
    return gone.rowcount > 0


def select_from(tenant: str, domain: str) -> Select[Any]:
    """A domain's recipients, for `core.paging`; rows become records by `of`."""
    return select(recipients).where(_row.tenant == tenant, _row.domain == domain)


def of(row: RowMapping) -> Recipient:
    """The record of a row."""
    return Recipient(**{name: row[name] for name in Recipient.__dataclass_fields__})
