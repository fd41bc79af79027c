"""`/webhooks`: the operator sets URL, secret and event types; bodies and signature are MailGuard's."""

from typing import Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api import webhooks as own
from core.api.fields import Text
from core.api.services import asked
from core.api.webhook_models import EventView, WebhookView, changes_of, new_of
from core.service import webhooks as service
from core.service.event_names import EVENTS
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["EVENT_NAMES", "ROUTES"]

EventName = Literal[
    "quarantine.added",
    "quarantine.released",
    "quarantine.discarded",
    "reputation.threshold_crossed",
    "license.changed",
    "cluster.node_joined",
    "cluster.node_left",
    "dkim.rotation_due",
    "cert.expiring",
]
EVENT_NAMES: Final[tuple[str, ...]] = get_args(EventName)
"""Of the service's events those that MailGuard's REST API page lists, in its order."""
_FORM: Final = "mailguard"


class NewWebhookBody(BaseModel):
    model_config = ConfigDict(extra="ignore")

    url: str = Field(min_length=1, max_length=2000, description="http:// or https://.")
    secret: SecretStr | None = Field(None, description="Signs every body; without one it is made.")
    events: list[EventName] = Field(
        default_factory=lambda: list(get_args(EventName)), min_length=1, description="Without: all nine."
    )
    description: Text = ""
    enabled: bool = True


class WebhookBody(BaseModel):
    """A merge-patch: what is not there stays."""

    model_config = ConfigDict(extra="ignore")

    url: str | None = Field(None, min_length=1, max_length=2000)
    secret: SecretStr | None = Field(None, description="Signs from now on; the old one no more.")
    events: list[EventName] | None = Field(None, min_length=1)
    description: Text | None = None
    enabled: bool | None = None


class MadeWebhookView(WebhookView):
    """With its secret, this once."""

    secret: str


async def create(call: Call[None, NewWebhookBody]) -> Reply:
    """Its events are those of the page, signed in `X-MailGuard-Signature`."""
    core, by = asked(call)
    new = new_of(call.body, _FORM)
    async with core.database.begin() as tx:
        made = await service.create(core, tx, by, new)
    return Reply(data=MadeWebhookView.of(made.webhook, secret=made.secret), message="Created")


async def change(call: Call[None, WebhookBody]) -> Reply:
    core, by = asked(call)
    body, name = call.body, call.path["webhook"]
    async with core.database.begin() as tx:
        changed = await service.change(core, tx, by, name, changes_of(body))
        if body.secret is not None:
            secret = body.secret.get_secret_value()
            changed = (await service.rotate(core, tx, by, name, overlap_s=0, secret=secret)).webhook
    return Reply(data=WebhookView.of(changed), message="Updated")


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await service.delete(core, tx, by, call.path["webhook"])
    return Reply(data=None, message="Deleted")


async def events(call: Call[None, None]) -> Reply:
    """Those that a webhook here may be given."""
    del call
    return Reply(data=[EventView(name=name, description=EVENTS[name]) for name in EVENT_NAMES])


_READ, _WRITE = "webhooks:read", "webhooks:write"
_ALL = "/api/v1/webhooks"
_ONE = f"{_ALL}/{{webhook}}"
_EVENTS = f"{_ALL}/events"


def _row(method: Any, path: str, handler: Any, summary: str, **more: Any) -> Route:
    scope = _READ if method == "GET" else _WRITE
    return Route(method, path, handler, summary=summary, scope=scope, **more)


_OWN = (
    _row("GET", _ALL, own.every, "Webhooks", response=list[WebhookView]),
    _row(
        "POST",
        _ALL,
        create,
        "Post events to a URL, signed",
        body=NewWebhookBody,
        response=MadeWebhookView,
        status=201,
        errors=(Conflict,),
    ),
    _row("GET", _ONE, own.find, "One webhook", response=WebhookView, errors=(NotFound,)),
    _row(
        "PUT",
        _ONE,
        change,
        "Change URL, secret or event types",
        body=WebhookBody,
        response=WebhookView,
        errors=(NotFound,),
    ),
    _row("DELETE", _ONE, remove, "Post nothing more", errors=(NotFound,)),
    _row("GET", _EVENTS, events, "Events to choose from", response=list[EventView]),
)
ROUTES = (*_OWN, *(route for route in own.ROUTES if route.path not in (_ALL, _ONE, _EVENTS)))
"""Testing, deliveries, sending again and another secret are the service's own."""
