"""API keys as their administrators make, change and end them. A key's text is in the answer to `make` only.

`hub.access.keyring` keeps them, each verb a transaction of its own; the audit log and the outbox are told in
it (`core.service.access_changes`), and a deleted key frees the domains that are tied to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.service.access_errors import access_errors
from core.service.by import By
from core.service.core import Core
from hub.access.keys import Key
from hub.access.principal import Grant
from hub.access.secret_text import STYLES
from hub.web.errors import Forbidden, NotFound

__all__ = ["MadeKey", "NewKey", "change", "check_gift", "delete", "every", "find", "make", "revoke"]

_LAST_NUMBER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What a key is made of. `plan` and `limits` stand in place of the tenant's plan."""

    grants: tuple[Grant, ...]
    description: str = ""
    expires_ms: int | None = None
    allow_key_admin: bool = False
    plan: str | None = None
    limits: Mapping[str, Any] = field(default_factory=dict)
    """Names of `hub.access.plans.Limits`."""
    style: str = "mxhub"
    """How its text looks: a name of `hub.access.secret_text.STYLES`."""


@dataclass(frozen=True, slots=True, repr=False)
class MadeKey:
    """`text` is nowhere to be had again."""

    key: Key
    text: str


async def every(core: Core, by: By) -> list[Key]:
    """All of the tenant, revoked ones too, the oldest first."""
    return await core.access.keyring.every(by.tenant)


async def find(core: Core, by: By, key: str | int) -> Key:
    """By id, or by the number that some dialects know. Raises `NotFound`."""
    if isinstance(key, int) and not 0 < key <= _LAST_NUMBER:
        raise NotFound("There is no such API key.")
    with access_errors():
        return await core.access.keyring.find(by.tenant, key)


async def make(core: Core, by: By, new: NewKey) -> MadeKey:
    """Raises `Forbidden` for more than the maker holds, `ValidationFailed`."""
    check_gift(by, new.grants)
    if new.plan is not None or new.limits:
        _check_limits(by)
    with access_errors():
        key, text = await core.access.keyring.make(
            by.accessor,
            tenant=by.tenant,
            grants=new.grants,
            description=new.description,
            expires_ms=new.expires_ms,
            allow_key_admin=new.allow_key_admin,
            plan=new.plan,
            limits=new.limits,
            style=STYLES[new.style],
        )
    return MadeKey(key, text)


async def change(core: Core, by: By, key: str | int, values: Mapping[str, Any]) -> Key:
    """`values`: `description`, `expires_ms`, `grants`, `plan`, `limits`, `allow_key_admin`; the rest stays.

    Whoever changes what a key may do must hold all of what it may then. Raises `NotFound`, `Forbidden`,
    `ValidationFailed`.
    """
    before = await _reachable(core, by, key)
    if {"grants", "allow_key_admin"} & set(values):
        check_gift(by, values.get("grants", before.grants))
    if {"plan", "limits"} & set(values):
        _check_limits(by)
    with access_errors():
        return await core.access.keyring.change(by.accessor, by.tenant, before.id, **values)


async def revoke(core: Core, by: By, key: str | int) -> Key:
    """Refused from the next request on; it stays in the list. Twice is once. Raises `NotFound`,
    `Forbidden`.
    """
    found = await _reachable(core, by, key)
    with access_errors():
        return await core.access.keyring.revoke(by.accessor, by.tenant, found.id)


async def delete(core: Core, by: By, key: str | int) -> Key:
    """Forget it, end the sessions of its login links, free its domains. Raises `NotFound`, `Forbidden`."""
    found = await _reachable(core, by, key)
    with access_errors():
        return await core.access.keyring.delete(by.accessor, by.tenant, found.id)


def check_gift(by: By, grants: Sequence[Grant]) -> None:
    """Nobody gives away what they lack. Raises `Forbidden`."""
    if not by.principal.may_give(grants):
        raise Forbidden("These grants hold more than your own: give only scopes and domains that you have.")


async def _reachable(core: Core, by: By, key: str | int) -> Key:
    """A key that has nothing that the caller lacks: or who manages keys could end those above them, free
    their domains, or let one live on that has expired.
    """
    found = await find(core, by, key)
    if not by.principal.may_give(found.grants):
        raise Forbidden("This key holds more than your own grants: ask somebody who has them.")
    return found


def _check_limits(by: By) -> None:
    """Or whoever manages keys could lift their own limits."""
    if not by.principal.is_full_admin:
        raise Forbidden("Only a full-admin sets a plan or limits of a key.")
