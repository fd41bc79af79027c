"""`/subscriptions` and `/status`."""

from typing import Literal

from pydantic import BaseModel, Field

from core.api.services import asked
from core.dialects.mailchannels.access import OfSubscription
from core.dialects.mailchannels.domains import ROOT
from core.service import subscriptions
from core.service.subscriptions import Subscription
from hub.web.route import ANY_CALLER, Call, Reply, Route

__all__ = ["ROUTES"]


class PlanView(BaseModel):
    handle: str
    name: str


class LimitView(BaseModel):
    feature: str = Field(serialization_alias="featureHandle")
    value: str = Field(description="-1: without limit.")


class SubscriptionView(BaseModel):
    handle: str
    active: bool
    plan: PlanView
    limits: list[LimitView]
    accounts: int = Field(serialization_alias="activeAccountsCount")

    @classmethod
    def of(cls, found: Subscription) -> "SubscriptionView":
        limits = [LimitView(feature=name, value=str(most)) for name, most in sorted(found.limits.items())]
        plan = PlanView(handle=found.plan, name=found.plan)
        return cls(
            handle=found.handle,
            active=found.active,
            plan=plan,
            limits=limits,
            accounts=found.active_accounts,
        )


class StatusView(BaseModel):
    status: Literal["ok"] = "ok"


async def listing(call: Call[OfSubscription, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await subscriptions.every(tx, by)
    return Reply(data=[SubscriptionView.of(each) for each in found])


async def status(call: Call[OfSubscription, None]) -> Reply:  # noqa: ARG001 - letting the caller in asked all parts
    return Reply(data=StatusView())


ROUTES = (
    Route(
        "GET",
        f"{ROOT}/subscriptions",
        listing,
        summary="The customer's subscriptions, the oldest first",
        query=OfSubscription,
        response=list[SubscriptionView],
        scope="subscriptions:read",
    ),
    Route(
        "GET",
        f"{ROOT}/status",
        status,
        summary="Whether the service is in order: it looked the key up and counted the request",
        query=OfSubscription,
        response=StatusView,
        scope=ANY_CALLER,
    ),
)
