"""Accounts of people in the database, and what is delegated to them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access.principal import Grant
from hub.access.tables import accounts, delegations, recovery_codes
from hub.sql import upsert
from hub.sql.ids import new_id

__all__ = [
    "Account",
    "add",
    "admins",
    "by_identity",
    "by_login",
    "change",
    "delegate",
    "delegated",
    "every",
    "find",
    "forget",
    "normal_login",
    "there_are_any",
]

_LOGIN: Final = re.compile(r"[^\s@]{1,64}@[^\s@]{1,190}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Account:
    """One person. Not shown by `repr`: it holds the password's hash."""

    id: str
    tenant: str
    login: str
    """An address, in lower case."""
    name: str
    admin: bool
    """Everything in the tenant; others have their delegations."""
    active: bool
    password: str | None
    totp: str | None
    totp_proven: bool
    """A second factor is asked for."""
    totp_step: int | None
    issuer: str | None
    subject: str | None
    created_ms: int
    updated_ms: int

    def shown(self) -> dict[str, Any]:
        """As the API and the audit log show it."""
        return {
            "id": self.id,
            "login": self.login,
            "name": self.name,
            "admin": self.admin,
            "active": self.active,
            "has_password": self.password is not None,
            "second_factor": self.totp_proven,
            "issuer": self.issuer,
            "created_ms": self.created_ms,
            "updated_ms": self.updated_ms,
        }


def normal_login(text: str) -> str:
    """Lower case, without blanks around it. Raises `ValueError` unless it looks like an address."""
    login = text.strip().lower()
    if not _LOGIN.fullmatch(login) or not login.isprintable():
        raise ValueError("login: an address such as jo@example.com")
    return login


async def add(tx: AsyncConnection, *, tenant: str, login: str, now_ms: int, **values: Any) -> Account:
    """`values` are columns of `access_accounts`. The caller has looked that the login is free."""
    account_id = new_id("acc")
    row = {"id": account_id, "tenant": tenant, "login": login, "created_ms": now_ms, "updated_ms": now_ms}
    await tx.execute(insert(accounts).values(**row, **values))
    found = await find(tx, tenant, account_id)
    assert found is not None  # noqa: S101 - written above, in this transaction
    return found


async def there_are_any(tx: AsyncConnection, tenant: str) -> bool:
    found = select(accounts.c.id).where(accounts.c.tenant == tenant).limit(1)
    return (await tx.execute(found)).scalar_one_or_none() is not None


async def find(tx: AsyncConnection, tenant: str, account_id: str) -> Account | None:
    return await _one(tx, (accounts.c.tenant == tenant) & (accounts.c.id == account_id))


async def by_login(tx: AsyncConnection, login: str) -> Account | None:
    """Logins are unique over all tenants: who signs in names no tenant."""
    return await _one(tx, accounts.c.login == login)


async def by_identity(tx: AsyncConnection, issuer: str, subject: str) -> Account | None:
    return await _one(tx, (accounts.c.issuer == issuer) & (accounts.c.subject == subject))


async def admins(tx: AsyncConnection, tenant: str) -> list[str]:
    """Ids of the active administrators, who cannot be changed by another transaction until this one ends."""
    which = (accounts.c.tenant == tenant) & accounts.c.admin & accounts.c.active
    return list((await tx.execute(select(accounts.c.id).where(which).with_for_update())).scalars())


async def every(tx: AsyncConnection, tenant: str) -> list[Account]:
    """All of a tenant, by login."""
    found = select(accounts).where(accounts.c.tenant == tenant).order_by(accounts.c.login)
    return [Account(**row) for row in (await tx.execute(found)).mappings()]


async def change(tx: AsyncConnection, account_id: str, now_ms: int, **values: Any) -> None:
    which = update(accounts).where(accounts.c.id == account_id)
    await tx.execute(which.values(updated_ms=now_ms, **values))


async def forget(tx: AsyncConnection, account_id: str) -> None:
    """The account, its recovery codes and what was delegated to it."""
    await tx.execute(delete(recovery_codes).where(recovery_codes.c.account_id == account_id))
    await tx.execute(delete(delegations).where(delegations.c.account_id == account_id))
    await tx.execute(delete(accounts).where(accounts.c.id == account_id))


async def delegated(tx: AsyncConnection, account_id: str) -> tuple[Grant, ...]:
    kept = select(delegations.c.grants).where(delegations.c.account_id == account_id)
    found = (await tx.execute(kept)).scalar_one_or_none()
    return tuple(Grant.from_json(one) for one in found or ())


async def delegate(
    tx: AsyncConnection, *, tenant: str, account_id: str, grants: Sequence[Grant], now_ms: int
) -> None:
    """In place of what was delegated before; nothing = all of it ends."""
    if not grants:
        await tx.execute(delete(delegations).where(delegations.c.account_id == account_id))
        return
    row = {"tenant": tenant, "updated_ms": now_ms, "grants": [grant.to_json() for grant in grants]}
    new = upsert.insert(tx, delegations).values(account_id=account_id, **row)
    await tx.execute(new.on_conflict_do_update(index_elements=["account_id"], set_=row))


async def _one(tx: AsyncConnection, condition: Any) -> Account | None:
    row = (await tx.execute(select(accounts).where(condition))).mappings().one_or_none()
    return None if row is None else Account(**row)
