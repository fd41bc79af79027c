"""Tenants of the service, as whoever runs it makes them: a customer of theirs with people of its own."""

import re
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from core.service.access_errors import access_errors
from core.service.by import By
from core.service.core import Core
from core.service.operator import only_the_operator
from core.store import meta, tenancy
from core.store.tables import domains
from hub.access import tables as access
from hub.access.tenants import INVITED_MS
from hub.web.errors import Conflict, ValidationFailed

__all__ = ["Invited", "Tenant", "check_known", "every", "make"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """How much there is of one."""

    name: str
    plan: str
    people: int
    keys: int
    """Revoked ones too."""
    domains: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Invited:
    """A tenant without anybody yet. `token` makes its first administrator, and is nowhere to be had again."""

    tenant: str
    login: str
    token: str
    expires_ms: int


async def every(tx: AsyncConnection, by: By) -> list[Tenant]:
    """By name, the operator's own among them. Raises `Forbidden` for anybody but the operator."""
    only_the_operator(by)
    names = sorted({tenancy.OPERATOR, *await tenancy.tenants(tx)})
    plan_of = select(access.tenants.c.tenant, access.tenants.c.plan)
    plans = {row.tenant: row.plan for row in await tx.execute(plan_of)}
    people, keys, held = [await _counts(tx, each) for each in (access.accounts, access.keys, domains)]
    return [
        Tenant(
            name=name,
            plan=plans.get(name, "default"),
            people=people.get(name, 0),
            keys=keys.get(name, 0),
            domains=held.get(name, 0),
        )
        for name in names
    ]


async def make(core: Core, by: By, name: str, administrator: str) -> Invited:
    """Make a tenant, and a token for whoever administers it first; `administrator` is their login.

    Asked again while the tenant has no people, it gives a new token, and those before are worth nothing.
    Raises `Forbidden` for anybody but the operator, `ValidationFailed`, `Conflict` (the tenant has people,
    the login is somebody's, the tenant is being erased).
    """
    only_the_operator(by)
    if not _NAME.fullmatch(name):
        raise ValidationFailed.of(
            "tenant", "1 to 63 letters, digits, dots, hyphens or underscores, a letter or digit first"
        )
    async with core.database.read() as tx:
        if await meta.get(tx, f"erasing:{name}") is not None:
            raise Conflict(f"{name} is being erased: wait until that is done.")
    expires_ms = core.clock() + INVITED_MS
    with access_errors():
        token = await core.access.directory.invite(by.accessor, name, administrator)
    return Invited(tenant=name, login=administrator.strip().lower(), token=token, expires_ms=expires_ms)


async def _counts(tx: AsyncConnection, table: Table) -> dict[str, int]:
    of_each = select(table.c.tenant, func.count()).group_by(table.c.tenant)
    return {row[0]: row[1] for row in await tx.execute(of_each)}


async def check_known(tx: AsyncConnection, tenant: str) -> None:
    """Raises `ValidationFailed` naming a tenant that there is not."""
    if not await tenancy.is_known(tx, tenant):
        raise ValidationFailed.of("tenant", f"there is no tenant {tenant[:64]!r}: make it first")
