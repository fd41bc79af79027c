"""Settings > Webhooks: an address, the events it gets, save and test."""

from typing import Any, Final, Literal, get_args

from pydantic import Field, SecretStr

from core.api.fields import Text
from core.api.services import asked
from core.api.webhook_models import changes_of, new_of
from core.dialects.mailsentinel.models import Given, Shown
from core.service import webhook_deliveries, webhooks
from core.service.event_names import EVENTS
from core.store.clock import iso_seconds
from hub.web.errors import Conflict, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["EVENT_NAMES", "ROUTES"]

EventName = Literal["domain.verified", "domain.scan.completed", "alert.triggered", "report.received"]
EVENT_NAMES: Final[tuple[str, ...]] = get_args(EventName)
"""Those of the page, in its order."""
_FORM: Final = "mailsentinel"


class NewWebhookBody(Given):
    url: str = Field(min_length=1, max_length=2000, description="http:// or https://.")
    events: list[EventName] = Field(
        default_factory=lambda: list(get_args(EventName)), min_length=1, description="Without: all four."
    )
    secret: SecretStr | None = Field(None, description="Signs every body; without one it is made.")
    description: Text = ""
    enabled: bool = True


class WebhookBody(Given):
    """What is not there stays."""

    url: str | None = Field(None, min_length=1, max_length=2000)
    events: list[EventName] | None = Field(None, min_length=1)
    description: Text | None = None
    enabled: bool | None = None


class WebhookView(Shown):
    id: str
    url: str
    events: list[str]
    description: str
    enabled: bool
    last_error: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, found: webhooks.Webhook, **more: Any) -> "WebhookView":
        return cls(
            id=found.id,
            url=found.url,
            events=list(found.names),
            description=found.description,
            enabled=found.enabled,
            last_error=found.last_error or None,
            created_at=iso_seconds(found.created_ms),
            updated_at=iso_seconds(found.updated_ms),
            **more,
        )


class MadeWebhookView(WebhookView):
    secret: str = Field(description="In this answer only.")


class TestView(Shown):
    delivered: bool
    status: int | None
    error: str | None
    duration_ms: int


class EventView(Shown):
    event: str
    description: str


class WebhooksView(Shown):
    webhooks: list[WebhookView]


class OneView(Shown):
    webhook: WebhookView


class MadeView(Shown):
    webhook: MadeWebhookView


class TestedView(Shown):
    test: TestView


class EventsView(Shown):
    events: list[EventView]


async def every(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        found = await webhooks.every(tx, by)
    return Reply(data={"webhooks": [WebhookView.of(one) for one in found]})


async def create(call: Call[None, NewWebhookBody]) -> Reply:
    core, by = asked(call)
    new = new_of(call.body, _FORM)
    async with core.database.begin() as tx:
        made = await webhooks.create(core, tx, by, new)
    return Reply(data={"webhook": MadeWebhookView.of(made.webhook, secret=made.secret)})


async def find(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data={"webhook": WebhookView.of(await webhooks.find(tx, by, call.path["webhookId"]))})


async def change(call: Call[None, WebhookBody]) -> Reply:
    core, by = asked(call)
    changes = changes_of(call.body)
    async with core.database.begin() as tx:
        changed = await webhooks.change(core, tx, by, call.path["webhookId"], changes)
    return Reply(data={"webhook": WebhookView.of(changed)})


async def remove(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await webhooks.delete(core, tx, by, call.path["webhookId"])
    return Reply(data=None)


async def test(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    sent = await webhook_deliveries.test(core, by, call.path["webhookId"])
    said = TestView(
        delivered=sent.delivered, status=sent.status, error=sent.error or None, duration_ms=sent.duration_ms
    )
    return Reply(data={"test": said})


async def events(call: Call[None, None]) -> Reply:
    del call
    return Reply(data={"events": [EventView(event=name, description=EVENTS[name]) for name in EVENT_NAMES]})


_ALL: Final = "/api/webhooks"
_ONE: Final = f"{_ALL}/{{webhookId}}"
_READ, _WRITE = "webhooks:read", "webhooks:write"
_THERE: Final = (NotFound,)

ROUTES: Final = (
    Route("GET", _ALL, every, summary="Webhooks", response=WebhooksView, scope=_READ),
    Route(
        "POST",
        _ALL,
        create,
        summary="Push events to an address",
        body=NewWebhookBody,
        response=MadeView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
    ),
    Route("GET", f"{_ALL}/events", events, summary="Events to choose", response=EventsView, scope=_READ),
    Route("GET", _ONE, find, summary="One webhook", response=OneView, scope=_READ, errors=_THERE),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change a webhook",
        body=WebhookBody,
        response=OneView,
        scope=_WRITE,
        errors=_THERE,
    ),
    Route("DELETE", _ONE, remove, summary="Push nothing more", scope=_WRITE, errors=_THERE),
    Route(
        "POST",
        f"{_ONE}/test",
        test,
        summary="Push a test event now",
        response=TestedView,
        scope=_WRITE,
        errors=_THERE,
    ),
)
