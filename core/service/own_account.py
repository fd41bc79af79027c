"""What callers may know and change of themselves."""

from dataclasses import dataclass

from core.service.access_errors import access_errors
from core.service.by import By
from core.service.core import Core
from hub.access.accounts import Account
from hub.access.plans import Limits
from hub.access.principal import Principal
from hub.access.sign_in import Visitor
from hub.web.errors import Forbidden

__all__ = ["Me", "confirm_second_factor", "enrol_second_factor", "me", "remove_second_factor", "set_password"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Me:
    """Who asks. `limits` is what holds for this key, `None` for people; `plan` the key's, or the tenant's."""

    principal: Principal
    plan: str
    limits: Limits | None
    account: Account | None = None


async def me(core: Core, by: By) -> Me:
    """Raises `Unavailable`."""
    who = by.principal
    plan, _ = await core.access.keyring.plan(by.tenant)
    if who.kind == "key":
        with access_errors():
            key = await core.access.keyring.find(by.tenant, who.id)
        plan = key.plan or plan
    account = await _account(core, by) if _has_account(by) else None
    return Me(principal=who, plan=plan, limits=who.limits, account=account)


async def set_password(core: Core, by: By, old: str, new: str, *, visitor: Visitor) -> None:
    """They are signed out everywhere else.

    Raises `Forbidden` for who has no account, `Unauthorized` when the old one does not hold, `RateLimited`,
    `ValidationFailed`.
    """
    account = await _account(core, by)
    with access_errors():
        await core.access.sign_in.proves(account, old, visitor)
        await core.access.directory.set_password(by.accessor, by.tenant, account.id, new, keep=visitor.cookie)


async def enrol_second_factor(core: Core, by: By) -> str:
    """The `otpauth://` URI, to show once. Nothing is asked for before `confirm_second_factor`.

    Raises `Forbidden` for who has no account, `Conflict` when there is one already.
    """
    account = await _account(core, by)
    with access_errors():
        return await core.access.second.enrol(by.tenant, account.id)


async def confirm_second_factor(core: Core, by: By, code: str) -> list[str]:
    """The recovery codes, shown this once. Raises `ValidationFailed` for a wrong code, `Conflict`."""
    account = await _account(core, by)
    with access_errors():
        return await core.access.second.confirm(by.accessor, by.tenant, account.id, code)


async def remove_second_factor(core: Core, by: By, code: str, *, visitor: Visitor) -> None:
    """Raises `Unauthorized` for a code that does not hold, `RateLimited`."""
    account = await _account(core, by)
    with access_errors():
        await core.access.sign_in.proves_by_code(account, code, visitor)
        await core.access.second.remove(by.accessor, by.tenant, account.id)


def _has_account(by: By) -> bool:
    return by.principal.kind == "session" and by.principal.key_id is None


async def _account(core: Core, by: By) -> Account:
    if not _has_account(by):
        raise Forbidden("Only somebody who is signed in to an account of their own may do this.")
    with access_errors():
        return await core.access.directory.find(by.tenant, by.principal.id)
