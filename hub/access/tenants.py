"""Tenants that whoever runs the service has made, and the tokens of their first administrators."""

from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import once
from hub.access.tables import once as kept
from hub.access.tables import tenants
from hub.sql import upsert

__all__ = ["INVITED_MS", "add", "invite", "invited"]

INVITED_MS: Final = 7 * 86_400_000
"""How long a token is good: it goes to another company, where somebody may be away."""
_PURPOSE: Final = "tenant"


async def add(tx: AsyncConnection, tenant: str) -> bool:
    """On the plan `default`; one that is there stays as it is. Returns whether it is new."""
    row = {"tenant": tenant, "plan": "default", "limits": {}}
    new = upsert.insert(tx, tenants).values(row).on_conflict_do_nothing()
    return bool((await tx.execute(new.returning(tenants.c.tenant))).scalar_one_or_none())


async def invite(tx: AsyncConnection, tenant: str, login: str, now_ms: int) -> str:
    """A token with which `login` becomes the tenant's first administrator; earlier ones end."""
    earlier = (kept.c.purpose == _PURPOSE) & (kept.c.data["tenant"].as_string() == tenant)
    await tx.execute(delete(kept).where(earlier))
    return await once.put(tx, _PURPOSE, {"tenant": tenant, "login": login}, now_ms + INVITED_MS)


async def invited(tx: AsyncConnection, token: str, login: str, now_ms: int) -> str | None:
    """The tenant of a token, which is spent by it; `None` when it is worth nothing, or not to this login.

    One whose tenant was erased meanwhile is worth nothing.
    """
    found = await once.read(tx, _PURPOSE, token, now_ms)
    if found is None or found["login"] != login or await once.take(tx, _PURPOSE, token, now_ms) is None:
        return None
    known = select(tenants.c.tenant).where(tenants.c.tenant == found["tenant"])
    tenant: str | None = (await tx.execute(known)).scalar_one_or_none()
    return tenant
