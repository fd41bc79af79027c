"""Subscriptions: what a tenant has, and what the operator gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.entry import Resource
from core.service import tenants
from core.service.by import By, Deed, record
from core.service.core import Core
from core.service.operator import only_the_operator
from core.store import customers
from core.store import subscriptions as stored
from core.store.subscriptions import Subscription
from hub.web.errors import Conflict, NotFound, ValidationFailed

__all__ = ["UNLIMITED", "NewSubscription", "Subscription", "change", "every", "find", "make"]

UNLIMITED: Final = -1
_HANDLE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_FEATURE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}", re.ASCII)
_TEXT: Final = 100
_MOST: Final = 1_000_000_000
_FEATURES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """`tenant`: whose it is; none = the operator's own. `limits` by feature; `UNLIMITED` is one too."""

    handle: str
    plan: str
    tenant: str | None = None
    customer_id: str = ""
    limits: Mapping[str, int] = field(default_factory=dict)
    active: bool = True


async def every(tx: AsyncConnection, by: By) -> list[Subscription]:
    """All of the tenant, the oldest first, with how many active domains each has."""
    return await stored.every(tx, by.tenant)


async def find(tx: AsyncConnection, by: By, handle: str) -> Subscription:
    """Raises `NotFound`."""
    return await _found(tx, by.tenant, handle)


async def make(core: Core, tx: AsyncConnection, by: By, new: NewSubscription) -> Subscription:
    """Raises `Forbidden` for anybody but the operator, `Conflict`, `ValidationFailed`."""
    only_the_operator(by)
    if not _HANDLE.fullmatch(new.handle):
        raise ValidationFailed.of("handle", "1 to 64 letters, digits, dots, hyphens or underscores")
    _check(new.plan, new.limits)
    tenant = new.tenant or by.tenant
    await tenants.check_known(tx, tenant)
    await _check_customer(tx, tenant, new.customer_id)
    if await stored.taken(tx, new.handle):
        raise Conflict(f"There is a subscription {new.handle} already.")
    now_ms = core.clock()
    row = Subscription(
        handle=new.handle,
        tenant=tenant,
        customer_id=new.customer_id,
        plan=new.plan,
        limits=dict(new.limits),
        active=new.active,
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    await stored.add(tx, row)
    await record(core, tx, by, _deed("subscription.created", None, row))
    return await _found(tx, tenant, new.handle)


async def change(
    core: Core,
    tx: AsyncConnection,
    by: By,
    handle: str,
    values: Mapping[str, Any],
    *,
    tenant: str | None = None,
) -> Subscription:
    """`values`: `plan`, `limits`, `active`, `customer_id`. Raises as `make`, and `NotFound`."""
    only_the_operator(by)
    if tenant is not None:
        await tenants.check_known(tx, tenant)
    before = await _found(tx, tenant or by.tenant, handle)
    if unknown := set(values) - {"plan", "limits", "active", "customer_id"}:
        raise ValidationFailed.of(min(unknown), "cannot be changed")
    _check(values.get("plan", before.plan), values.get("limits", before.limits))
    await _check_customer(tx, before.tenant, values.get("customer_id", ""))
    await stored.change(tx, handle, core.clock(), **values)
    after = await _found(tx, before.tenant, handle)
    await record(core, tx, by, _deed("subscription.updated", before, after))
    return after


async def _found(tx: AsyncConnection, tenant: str, handle: str) -> Subscription:
    found = await stored.find(tx, tenant, handle)
    if found is None:
        raise NotFound(f"There is no subscription {handle[:64]}.")
    return found


async def _check_customer(tx: AsyncConnection, tenant: str, customer_id: str) -> None:
    if customer_id and await customers.find(tx, tenant, customer_id) is None:
        raise ValidationFailed.of("customer_id", f"there is no customer {customer_id[:64]}")


def _check(plan: str, limits: Mapping[str, int]) -> None:
    if not 0 < len(plan) <= _TEXT or not plan.isprintable():
        raise ValidationFailed.of("plan", f"1 to {_TEXT} printable characters")
    if len(limits) > _FEATURES:
        raise ValidationFailed.of("limits", f"at most {_FEATURES}")
    for name, value in limits.items():
        if not _FEATURE.fullmatch(name):
            raise ValidationFailed.of("limits", f"{name[:64]!r} is no name of a feature")
        if not UNLIMITED <= value <= _MOST:
            raise ValidationFailed.of(f"limits.{name}", f"{UNLIMITED} (without limit) to {_MOST}")


def _deed(action: str, before: Subscription | None, after: Subscription) -> Deed:
    return Deed(
        action=action,
        resource=Resource(type="subscription", id=after.handle),
        before=_shown(before) if before else None,
        after=_shown(after),
        details={"of": after.tenant},
    )


def _shown(one: Subscription) -> dict[str, Any]:
    names = ("plan", "limits", "active", "customer_id")
    return {name: getattr(one, name) for name in names}
