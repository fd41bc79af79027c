"""`/subscriptions`, `/plan`, `/license`: what a tenant has, and what the service runs under."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from core.api.grants import LimitsBody, LimitsView
from core.api.services import asked, paged
from core.paging.query import PartPaging
from core.service import licence, plans, subscriptions
from core.service.plans import TenantPlan
from core.service.subscriptions import NewSubscription, Subscription
from core.store.clock import iso_millis
from hub.access.scopes import ADMIN
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "SubscriptionView"]

_Plan = Annotated[str, Field(min_length=1, max_length=100)]
_Features = Annotated[
    dict[str, Annotated[int, Field(ge=-1, le=1_000_000_000)]],
    Field(max_length=50, description="How much of a feature, by its handle; -1 = without limit."),
]


class SubscriptionView(BaseModel):
    handle: str
    plan: str
    active: bool
    limits: dict[str, int] = Field(description="By feature; `domains` is checked when one is added.")
    active_accounts_count: int = Field(description="Active domains under it.")
    customer_id: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, found: Subscription) -> "SubscriptionView":
        return cls(
            handle=found.handle,
            plan=found.plan,
            active=found.active,
            limits=dict(found.limits),
            active_accounts_count=found.active_accounts,
            customer_id=found.customer_id or None,
            created_at=iso_millis(found.created_ms),
            updated_at=iso_millis(found.updated_ms),
        )


class NewSubscriptionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    handle: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    plan: _Plan
    limits: _Features = Field(default_factory=dict)
    active: bool = True
    customer_id: str | None = Field(None, max_length=64)
    tenant: str | None = Field(None, min_length=1, max_length=64, description="Whose; null = one's own.")


class OfTenant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tenant: str | None = Field(None, min_length=1, max_length=64, description="Whose; none = one's own.")


class SubscriptionChangeBody(BaseModel):
    """What is not there stays."""

    model_config = ConfigDict(extra="forbid")

    plan: _Plan | None = None
    limits: _Features | None = None
    active: bool | None = None
    customer_id: str | None = Field(None, max_length=64, description="Null = no customer's.")

    def values(self) -> dict[str, Any]:
        found = self.model_dump(exclude_none=True)
        if "customer_id" in self.model_fields_set:
            found["customer_id"] = self.customer_id or ""
        return found


class PlanView(BaseModel):
    tenant: str
    plan: str
    limits: LimitsView

    @classmethod
    def of(cls, found: TenantPlan) -> "PlanView":
        return cls(tenant=found.tenant, plan=found.plan, limits=LimitsView.of(found.limits))


class PlanBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=40, description="One of the table in docs/reference/access.md.")
    limits: LimitsBody = Field(default_factory=LimitsBody)
    tenant: str | None = Field(None, min_length=1, max_length=64, description="Whose; null = one's own.")


class LicenceView(BaseModel):
    status: str = Field(description="none, valid, expired.")
    tier: str | None
    holder: str | None
    max_domains: int | None
    domains: int = Field(description="That are there now; of all tenants for whoever runs the service only.")
    valid_until: str | None
    refreshed_at: str | None
    refresh_due_at: str | None


async def listing(call: Call[PartPaging, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await subscriptions.every(tx, by)
    return paged(call.query.part(found), SubscriptionView.of)


async def one(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=SubscriptionView.of(await subscriptions.find(tx, by, call.path["subscription"])))


async def create(call: Call[None, NewSubscriptionBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    new = NewSubscription(
        handle=body.handle,
        plan=body.plan,
        tenant=body.tenant,
        customer_id=body.customer_id or "",
        limits=body.limits,
        active=body.active,
    )
    async with core.database.begin() as tx:
        made = await subscriptions.make(core, tx, by, new)
    return Reply(data=SubscriptionView.of(made), message="created")


async def change(call: Call[OfTenant, SubscriptionChangeBody]) -> Reply:
    core, by = asked(call)
    values, handle = call.body.values(), call.path["subscription"]
    async with core.database.begin() as tx:
        changed = await subscriptions.change(core, tx, by, handle, values, tenant=call.query.tenant)
    return Reply(data=SubscriptionView.of(changed), message="changed")


async def plan(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=PlanView.of(await plans.of(core, by)))


async def set_plan(call: Call[None, PlanBody]) -> Reply:
    core, by = asked(call)
    body = call.body
    changed = await plans.change(core, by, body.plan, body.limits.figures(), tenant=body.tenant)
    return Reply(data=PlanView.of(changed), message="changed")


async def license_state(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await licence.get(core, tx, by)
    view = LicenceView(
        status=found.status,
        tier=found.tier,
        holder=found.holder,
        max_domains=found.max_domains,
        domains=found.domains,
        valid_until=iso_millis(found.valid_until_ms),
        refreshed_at=iso_millis(found.refreshed_ms),
        refresh_due_at=iso_millis(found.refresh_due_ms),
    )
    return Reply(data=view)


_ALL = "/api/v1/subscriptions"
_ONE = f"{_ALL}/{{subscription}}"
_READ = "subscriptions:read"
ROUTES = (
    Route(
        "GET",
        _ALL,
        listing,
        summary="Subscriptions with plan, limits and how many active domains, the oldest first",
        query=PartPaging,
        response=list[SubscriptionView],
        scope=_READ,
    ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Give a tenant a subscription (whoever runs the service)",
        body=NewSubscriptionBody,
        response=SubscriptionView,
        status=201,
        scope=ADMIN,
        creates=True,
    ),
    Route(
        "GET",
        _ONE,
        one,
        summary="One subscription",
        response=SubscriptionView,
        scope=_READ,
        errors=(NotFound,),
    ),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a subscription (whoever runs the service)",
        query=OfTenant,
        body=SubscriptionChangeBody,
        response=SubscriptionView,
        scope=ADMIN,
        errors=(NotFound, Conflict),
    ),
    Route(
        "GET", "/api/v1/plan", plan, summary="The tenant's plan and limits", response=PlanView, scope=_READ
    ),
    Route(
        "PUT",
        "/api/v1/plan",
        set_plan,
        summary="Set a tenant's plan (whoever runs the service)",
        body=PlanBody,
        response=PlanView,
        scope=ADMIN,
    ),
    Route(
        "GET",
        "/api/v1/license",
        license_state,
        summary="The licence under which the service runs",
        response=LicenceView,
        scope="cluster:read",
    ),
)
