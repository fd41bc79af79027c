"""The tenant's plan: how often its keys may ask."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.service import tenants
from core.service.access_errors import access_errors
from core.service.by import By
from core.service.core import Core
from core.service.operator import only_the_operator
from hub.access.plans import Limits

__all__ = ["TenantPlan", "change", "of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantPlan:
    """`limits` are what the plan and the figures in its place come to."""

    tenant: str
    plan: str
    limits: Limits


async def of(core: Core, by: By) -> TenantPlan:
    """The caller's own tenant's."""
    return await _plan(core, by.tenant)


async def change(
    core: Core, by: By, plan: str, limits: Mapping[str, Any], *, tenant: str | None = None
) -> TenantPlan:
    """`limits` in place of the plan's figures. Raises `Forbidden` for all but the operator,
    `ValidationFailed` for a tenant, plan or limit that there is not.
    """
    only_the_operator(by)
    whose = tenant or by.tenant
    async with core.database.read() as tx:
        await tenants.check_known(tx, whose)
    with access_errors():
        await core.access.keyring.set_plan(by.accessor, whose, plan, limits)
    return await _plan(core, whose)


async def _plan(core: Core, tenant: str) -> TenantPlan:
    plan, limits = await core.access.keyring.plan(tenant)
    return TenantPlan(tenant=tenant, plan=plan, limits=limits)
