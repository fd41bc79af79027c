"""Events pushed instead of polled: the page announces them for version 2, names and form are ours."""

from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api import webhooks as own
from core.api.fields import Text
from core.api.services import asked
from core.api.webhook_models import EventView, MadeView, WebhookView, changes_of, new_of
from core.service import webhooks
from core.service.event_names import EVENTS
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["EVENT_NAMES", "ROUTES"]

EventName = Literal[
    "verdict.created",
    "quarantine.added",
    "quarantine.released",
    "quarantine.discarded",
    "quarantine.reported_spam",
    "quarantine.expired",
    "domain.created",
    "domain.updated",
    "domain.deleted",
    "domain.verified",
    "rule.added",
    "rule.updated",
    "rule.removed",
]
EVENT_NAMES: Final[tuple[str, ...]] = get_args(EventName)
_FORM: Final = "mxguard"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewWebhookBody(_Strict):
    url: str = Field(min_length=1, max_length=2000, description="Where to: http:// or https://.")
    events: list[EventName] = Field(
        default_factory=lambda: list(get_args(EventName)), min_length=1, description="Without: all of them."
    )
    description: Text = ""
    secret: SecretStr | None = Field(None, description="One of your own; without it one is made.")
    enabled: bool = True


class WebhookBody(_Strict):
    """What is not there stays."""

    url: str | None = Field(None, min_length=1, max_length=2000)
    events: list[EventName] | None = Field(None, min_length=1)
    description: Text | None = None
    enabled: bool | None = Field(None, description="true begins anew with what happens from now on.")


async def create(call: Call[None, NewWebhookBody]) -> Reply:
    core, by = asked(call)
    new = new_of(call.body, _FORM)
    async with core.database.begin() as tx:
        made = await webhooks.create(core, tx, by, new)
    return Reply(data=MadeView.of(made.webhook, secret=made.secret))


async def change(call: Call[None, WebhookBody]) -> Reply:
    core, by = asked(call)
    changes = changes_of(call.body)
    async with core.database.begin() as tx:
        return Reply(data=WebhookView.of(await webhooks.change(core, tx, by, call.path["webhook"], changes)))


async def events(call: Call[None, None]) -> Reply:
    del call
    return Reply(data=[EventView(name=name, description=EVENTS[name]) for name in EVENT_NAMES])


_ALL = "/api/v1/webhooks"
_ONE = f"{_ALL}/{{webhook}}"
_OWN = (
    Route(
        "POST",
        _ALL,
        create,
        summary="Send events to an address",
        body=NewWebhookBody,
        response=MadeView,
        status=201,
        scope="webhooks:write",
        errors=(Conflict,),
        creates=True,
    ),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change, disable or enable a webhook",
        body=WebhookBody,
        response=WebhookView,
        scope="webhooks:write",
        errors=(NotFound,),
    ),
    Route(
        "GET",
        f"{_ALL}/events",
        events,
        summary="Events to choose from",
        response=list[EventView],
        scope="webhooks:read",
    ),
)
_MINE = {(route.method, route.path) for route in _OWN}
ROUTES = (*_OWN, *(route for route in own.ROUTES if (route.method, route.path) not in _MINE))
