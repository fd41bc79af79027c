"""Accounts of people and what is delegated to them, as administrators see them.

Nobody acts on somebody who has more than they have: whoever sets another's password could sign in as them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from core.service.access_errors import access_errors
from core.service.api_keys import check_gift
from core.service.by import By
from core.service.core import Core
from hub.access.accounts import Account
from hub.access.principal import Grant
from hub.web.errors import Conflict, Forbidden, NotFound

__all__ = [
    "Delegation",
    "NewAccount",
    "change",
    "delegate",
    "delegations",
    "delete",
    "every",
    "find",
    "make",
    "remove_second_factor",
    "set_password",
    "sign_out",
    "undelegate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """Without a password they sign in at the provider, or after one was set."""

    login: str
    name: str = ""
    password: str | None = field(default=None, repr=False)
    admin: bool = False
    identity: tuple[str, str] | None = None
    """Issuer and subject at an OIDC provider."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """What one person may do on which domains."""

    account: Account
    grants: tuple[Grant, ...]


async def every(core: Core, by: By) -> list[Account]:
    """All of the tenant, by login."""
    return await core.access.directory.every(by.tenant)


async def find(core: Core, by: By, account: str) -> Account:
    """By id or login. Raises `NotFound`."""
    if "@" not in account:
        with access_errors():
            return await core.access.directory.find(by.tenant, account)
    login = account.strip().lower()
    for each in await core.access.directory.every(by.tenant):
        if each.login == login:
            return each
    raise NotFound("There is no such account.")


async def make(core: Core, by: By, new: NewAccount) -> Account:
    """Raises `Forbidden`, `Conflict` (the login is taken), `ValidationFailed`."""
    if new.admin:
        _only_full_admin(by)
    with access_errors():
        return await core.access.directory.make(
            by.accessor,
            tenant=by.tenant,
            login=new.login,
            name=new.name,
            password=new.password,
            admin=new.admin,
            identity=new.identity,
        )


async def change(
    core: Core,
    by: By,
    account: str,
    *,
    name: str | None = None,
    admin: bool | None = None,
    active: bool | None = None,
) -> Account:
    """What is not `None`. Raises `NotFound`, `Forbidden`, `Conflict` (the last administrator)."""
    who = await _reachable(core, by, account)
    if admin:
        _only_full_admin(by)
    with access_errors():
        return await core.access.directory.change(
            by.accessor, by.tenant, who.id, name=name, admin=admin, active=active
        )


async def set_password(core: Core, by: By, account: str, password: str) -> None:
    """They are signed out everywhere. Raises `NotFound`, `Forbidden`, `ValidationFailed`."""
    who = await _reachable(core, by, account)
    if who.id == by.principal.id:
        raise Forbidden("Change your own password with the old one, at your own account.")
    with access_errors():
        await core.access.directory.set_password(by.accessor, by.tenant, who.id, password)


async def sign_out(core: Core, by: By, account: str) -> None:
    """Everywhere. Raises `NotFound`, `Forbidden`."""
    who = await _reachable(core, by, account)
    with access_errors():
        await core.access.directory.sign_out(by.accessor, by.tenant, who.id)


async def remove_second_factor(core: Core, by: By, account: str) -> None:
    """For somebody who has lost theirs. Raises `NotFound`, `Forbidden`."""
    who = await _reachable(core, by, account)
    if who.id == by.principal.id:
        raise Forbidden("Take off your own second factor with a code, at your own account.")
    with access_errors():
        await core.access.second.remove(by.accessor, by.tenant, who.id)


async def delete(core: Core, by: By, account: str) -> None:
    """Raises `NotFound`, `Forbidden`, `Conflict` (the last administrator)."""
    who = await _reachable(core, by, account)
    with access_errors():
        await core.access.directory.delete(by.accessor, by.tenant, who.id)


async def delegations(core: Core, by: By) -> list[Delegation]:
    """Everybody to whom something is delegated."""
    given = await core.access.directory.delegations(by.tenant)
    return [Delegation(account=account, grants=grants) for account, grants in given]


async def delegate(core: Core, by: By, account: str, grants: Sequence[Grant]) -> Delegation:
    """In place of what was delegated before; it holds at once.

    Raises `NotFound`, `Forbidden` for more than the caller has, `Conflict` for an administrator.
    """
    check_gift(by, grants)
    who = await _reachable(core, by, account)
    if who.admin:
        raise Conflict("An administrator may do everything already.")
    with access_errors():
        kept = await core.access.directory.delegate(by.accessor, by.tenant, who.id, grants)
    return Delegation(account=who, grants=kept)


async def undelegate(core: Core, by: By, account: str) -> None:
    """All of it ends. Raises `NotFound`, also when nothing is delegated to them, `Forbidden`."""
    who = await _reachable(core, by, account)
    if not await _delegated(core, by, who):
        raise NotFound("Nothing is delegated to this account.")
    with access_errors():
        await core.access.directory.delegate(by.accessor, by.tenant, who.id, ())


async def _reachable(core: Core, by: By, account: str) -> Account:
    """Somebody who has nothing that the caller lacks."""
    who = await find(core, by, account)
    if who.admin:
        _only_full_admin(by)
    else:
        check_gift(by, await _delegated(core, by, who))
    return who


async def _delegated(core: Core, by: By, who: Account) -> tuple[Grant, ...]:
    given = await core.access.directory.delegations(by.tenant)
    return next((grants for account, grants in given if account.id == who.id), ())


def _only_full_admin(by: By) -> None:
    if not by.principal.is_full_admin:
        raise Forbidden("Only a full-admin acts on administrators, or makes one.")
