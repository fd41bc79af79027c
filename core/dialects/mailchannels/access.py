"""Keys in a header of their own, the limit of a customer, and what a name in a path stands for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import wraps
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from core.api.services import asked
from core.dns.names import BadName, check_unicode
from core.service import subscriptions
from core.service.by import By
from core.service.core import Core
from core.store import domains as stored
from hub.access.domain_names import normal_domain
from hub.access.plans import DEFAULT, PLANS, Limits
from hub.access.principal import Principal
from hub.web.errors import Forbidden, NotFound, ValidationFailed
from hub.web.route import Answer, Call, Handler

__all__ = ["OfSubscription", "checked", "explained", "key_of", "limits", "on_domain"]


class OfSubscription(BaseModel):
    """Most requests about a domain may say which subscription it belongs to; parameters of others pass."""

    model_config = ConfigDict(extra="ignore")

    subscription: str | None = Field(
        None,
        alias="subscriptionHandle",
        min_length=1,
        max_length=64,
        description="The subscription that the domain belongs to.",
    )


def key_of(request: web.Request) -> str:
    """The key of a request; nothing where there is none, wherever else one may stand."""
    return request.headers.get("X-API-Key", "").strip()


def limits(principal: Principal) -> Limits | None:
    """100 requests a second for all keys of a customer; a key with a plan or figures of its own has those."""
    return PLANS["mailchannels"] if principal.limits in (None, DEFAULT) else principal.limits


def checked(name: str, field: str = "domain") -> str:
    """A name in normal form. Raises `ValidationFailed` for what has no form in Unicode."""
    try:
        check_unicode(name)
    except BadName as error:
        raise ValidationFailed.of(field, str(error)) from error
    return normal_domain(name)


@asynccontextmanager
async def explained(core: Core, by: By, name: str) -> AsyncIterator[None]:
    """What is not there for the caller is 403 where the customer has it: tied to another key, or an alias.

    Of other customers' domains nothing is told: they are 404 as those that nobody has.
    """
    try:
        yield
    except NotFound:
        await _refuse_what_is_there(core, by, normal_domain(name))
        raise


async def _refuse_what_is_there(core: Core, by: By, name: str) -> None:
    async with core.database.read() as tx:
        found = await stored.find(tx, by.tenant, name)
        if found is not None and found.api_key_id not in (None, by.principal.key_id):
            raise Forbidden(f"{name} is associated with another API key.")
        if found is None and await stored.name_of_alias(tx, by.tenant, name) is not None:
            raise Forbidden(f"{name} is an alias: ask about the domain that it belongs to.")


def on_domain(handler: Handler) -> Handler:
    """For routes with a `{domain}`: 400 for no name, 403 as `explained`, and its own subscription only."""

    @wraps(handler)
    async def asked_well(call: Call[Any, Any]) -> Answer:
        core, by = asked(call)
        name = checked(call.path["domain"])
        async with explained(core, by, name):
            if call.query is not None and call.query.subscription is not None:
                await _check_subscription(core, by, name, call.query.subscription)
            return await handler(call)

    return asked_well


async def _check_subscription(core: Core, by: By, name: str, handle: str) -> None:
    async with core.database.read() as tx:
        try:
            await subscriptions.find(tx, by, handle)
        except NotFound as error:
            raise Forbidden(f"{handle} is no subscription of yours.") from error
        found = await stored.find(tx, by.tenant, name)
    if found is not None and found.subscription != handle:
        raise NotFound(f"There is no domain {name[:253]} in the subscription {handle}.")
