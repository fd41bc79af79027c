"""People as administrators see them: the first one, accounts, delegations."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.access import accounts, once, tenants
from hub.access.accounts import Account
from hub.access.audit import SYSTEM, Actor, Audit, Change, silence
from hub.access.passwords import Passwords, check_password
from hub.access.principal import OPERATOR, Grant
from hub.access.sessions import end_of_account
from hub.sql.database import Database

__all__ = ["Directory", "LastAdmin", "LoginTaken", "NoSuchAccount", "TenantTaken"]

_BOOTSTRAP: Final = "bootstrap"
_BOOTSTRAP_MS: Final = 24 * 3_600_000
_NAME: Final = 200


class NoSuchAccount(Exception):
    """404: the tenant has no such account."""


class LoginTaken(Exception):
    """409: the login is somebody's already."""


class TenantTaken(Exception):
    """409: the tenant has people already, who make each other."""


class LastAdmin(Exception):
    """409: nobody could administer the tenant any more."""


class Directory:
    """Accounts of all tenants."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        *,
        audit: Audit = silence,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._audit = audit
        self._clock_ms = clock_ms

    async def first_token(self) -> str | None:
        """A token that makes the operator's first administrator, good for a day and once; `None` when they
        have anybody.

        For whoever starts the service to print; an earlier one is worth nothing from then on.
        """
        now_ms = self._clock_ms()
        async with self._database.begin() as tx:
            if await accounts.there_are_any(tx, OPERATOR):
                return None
            await once.drop(tx, _BOOTSTRAP)
            return await once.put(tx, _BOOTSTRAP, {}, now_ms + _BOOTSTRAP_MS)

    async def invite(self, actor: Actor, tenant: str, login: str) -> str:
        """A token with which `login` becomes the tenant's first administrator, once and within seven days;
        the tenant is made where there is none. Earlier tokens of that tenant are worth nothing from then on.

        Raises `TenantTaken`, `LoginTaken`, `ValueError`.
        """
        login = accounts.normal_login(login)
        async with self._database.begin() as tx:
            if await accounts.there_are_any(tx, tenant):
                raise TenantTaken(f"{tenant} has people already: its administrators make accounts")
            if await accounts.by_login(tx, login) is not None:
                raise LoginTaken(f"{login} is somebody's already")
            is_new = await tenants.add(tx, tenant)
            token = await tenants.invite(tx, tenant, login, self._clock_ms())
            for change in _invited(actor, tenant, login, is_new=is_new):
                await self._audit(tx, change)
        return token

    async def claim(self, token: str, *, login: str, password: str) -> Account | None:
        """The first administrator, of the operator's tenant (`first_token`) or of the one that the token was
        made for (`invite`: then `login` is the one that was named); `None` when the token is worth nothing.

        Raises `LoginTaken`, `ValueError`.
        """
        login = accounts.normal_login(login)
        check_password(password, login)
        hashed = await self._passwords.hash(password)
        now_ms = self._clock_ms()
        try:
            async with self._database.begin() as tx:
                tenant = await _claimed(tx, token, login, now_ms)
                if tenant is None or await accounts.there_are_any(tx, tenant):
                    return None
                made = await accounts.add(
                    tx, tenant=tenant, login=login, now_ms=now_ms, admin=True, password=hashed
                )
                await self._tell(tx, SYSTEM, "account.created", None, made)
        except IntegrityError:
            raise LoginTaken(f"{login} is somebody's already") from None
        return made

    async def make(
        self,
        actor: Actor,
        *,
        tenant: str,
        login: str,
        name: str = "",
        password: str | None = None,
        admin: bool = False,
        identity: tuple[str, str] | None = None,
    ) -> Account:
        """`identity` = (issuer, subject) of an OIDC provider. Raises `LoginTaken`, `ValueError`."""
        login = accounts.normal_login(login)
        values: dict[str, Any] = {"name": _name(name), "admin": admin}
        values["password"] = await self._hashed(password, login)
        values["issuer"], values["subject"] = identity or (None, None)
        try:
            async with self._database.begin() as tx:
                made = await accounts.add(tx, tenant=tenant, login=login, now_ms=self._clock_ms(), **values)
                await self._tell(tx, actor, "account.created", None, made)
        except IntegrityError:
            raise LoginTaken(f"{login}, or the provider's identity, is somebody's already") from None
        return made

    async def find(self, tenant: str, account_id: str) -> Account:
        """Raises `NoSuchAccount`."""
        async with self._database.read() as tx:
            return await _found(tx, tenant, account_id)

    async def every(self, tenant: str) -> list[Account]:
        async with self._database.read() as tx:
            return await accounts.every(tx, tenant)

    async def change(
        self,
        actor: Actor,
        tenant: str,
        account_id: str,
        *,
        name: str | None = None,
        admin: bool | None = None,
        active: bool | None = None,
    ) -> Account:
        """What is not `None`. Who is no longer active is signed out everywhere.

        Raises `NoSuchAccount`, `LastAdmin`, `ValueError`.
        """
        given = {"name": None if name is None else _name(name), "admin": admin, "active": active}
        values = {key: value for key, value in given.items() if value is not None}
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, account_id)
            if admin is False or active is False:
                await _not_the_last(tx, before)
            await accounts.change(tx, account_id, self._clock_ms(), **values)
            if active is False:
                await end_of_account(tx, account_id)
            return await self._changed(tx, actor, "account.updated", before)

    async def set_password(
        self, actor: Actor, tenant: str, account_id: str, password: str, *, keep: str | None = None
    ) -> None:
        """Signed out everywhere else; `keep` = the cookie of the session that asks.

        Raises `NoSuchAccount`, `ValueError`.
        """
        account = await self.find(tenant, account_id)
        hashed = await self._hashed(password, account.login)
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, account_id)
            await accounts.change(tx, account_id, self._clock_ms(), password=hashed)
            await end_of_account(tx, account_id, keep=keep)
            await self._changed(tx, actor, "account.password_changed", before)

    async def delete(self, actor: Actor, tenant: str, account_id: str) -> None:
        """Raises `NoSuchAccount`, `LastAdmin`."""
        async with self._database.begin() as tx:
            before = await _found(tx, tenant, account_id)
            await _not_the_last(tx, before)
            await end_of_account(tx, account_id)
            await accounts.forget(tx, account_id)
            await self._tell(tx, actor, "account.deleted", before, None)

    async def sign_out(self, actor: Actor, tenant: str, account_id: str, *, keep: str | None = None) -> None:
        """Everywhere, but for the session of the cookie `keep`. Raises `NoSuchAccount`."""
        async with self._database.begin() as tx:
            account = await _found(tx, tenant, account_id)
            await end_of_account(tx, account_id, keep=keep)
            await self._tell(tx, actor, "auth.signed_out_everywhere", account, account)

    async def delegations(self, tenant: str) -> list[tuple[Account, tuple[Grant, ...]]]:
        """Everybody to whom something is delegated."""
        async with self._database.read() as tx:
            people = await accounts.every(tx, tenant)
            given = [(one, await accounts.delegated(tx, one.id)) for one in people]
        return [each for each in given if each[1]]

    async def delegate(
        self, actor: Actor, tenant: str, account_id: str, grants: Sequence[Grant]
    ) -> tuple[Grant, ...]:
        """In place of what was delegated before, at once for open sessions too; nothing = all of it ends.

        Raises `NoSuchAccount`.
        """
        async with self._database.begin() as tx:
            account = await _found(tx, tenant, account_id)
            before = await accounts.delegated(tx, account_id)
            await accounts.delegate(
                tx, tenant=tenant, account_id=account_id, grants=grants, now_ms=self._clock_ms()
            )
            change = Change(
                actor=actor,
                tenant=account.tenant,
                action="delegation.changed" if grants else "delegation.removed",
                resource=f"account/{account_id}",
                before=_grants(before),
                after=_grants(grants),
            )
            await self._audit(tx, change)
        return tuple(grants)

    async def _hashed(self, password: str | None, login: str) -> str | None:
        if password is None:
            return None
        check_password(password, login)
        return await self._passwords.hash(password)

    async def _changed(self, tx: AsyncConnection, actor: Actor, action: str, before: Account) -> Account:
        after = await _found(tx, before.tenant, before.id)
        await self._tell(tx, actor, action, before, after)
        return after

    async def _tell(
        self, tx: AsyncConnection, actor: Actor, action: str, before: Account | None, after: Account | None
    ) -> None:
        await self._audit(tx, Change.between(actor, action, "account", before, after))


def _name(name: str) -> str:
    if len(name) > _NAME or (name and not name.isprintable()):
        raise ValueError(f"name: at most {_NAME} printable characters")
    return name


def _grants(grants: Sequence[Grant]) -> Mapping[str, Any]:
    return {"grants": [grant.to_json() for grant in grants]}


async def _found(tx: AsyncConnection, tenant: str, account_id: str) -> Account:
    found = await accounts.find(tx, tenant, account_id)
    if found is None:
        raise NoSuchAccount(f"there is no account {account_id!r}")
    return found


def _invited(actor: Actor, tenant: str, login: str, *, is_new: bool) -> Sequence[Change]:
    """Who was asked stands in the tenant's own log, which goes with it; that it was made, in ours."""
    invited = Change(
        actor=actor,
        tenant=tenant,
        action="account.invited",
        resource=f"account/{login}",
        after={"login": login, "admin": True},
    )
    made = Change(actor=actor, tenant=OPERATOR, action="tenant.created", resource=f"tenant/{tenant}")
    return (invited, made) if is_new else (invited,)


async def _claimed(tx: AsyncConnection, token: str, login: str, now_ms: int) -> str | None:
    """Whose first administrator the token makes; it is spent."""
    if await once.take(tx, _BOOTSTRAP, token, now_ms) is not None:
        return OPERATOR
    return await tenants.invited(tx, token, login, now_ms)


async def _not_the_last(tx: AsyncConnection, account: Account) -> None:
    if await accounts.admins(tx, account.tenant) == [account.id]:
        raise LastAdmin(f"{account.login} is the tenant's only administrator")
