"""`/webhooks`: endpoints, their secrets, and what became of what they were sent."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.api.fields import Text, Word
from core.api.services import asked
from core.paging.query import Paging
from core.service import webhooks
from core.service.event_names import EVENTS
from core.store.clock import iso_millis
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES", "DeliveryView", "WebhookView"]

Form = Literal["standard", "mxguard", "mailguard", "mailsentinel"]
_HOUR_S = 3600


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Create(_Strict):
    url: str = Field(min_length=1, max_length=2000, description="Where to: http:// or https://.")
    events: list[Word] = Field(
        default_factory=list, max_length=200, description="Names of `/webhooks/events`; none = all."
    )
    form: Form = Field("standard", description="How bodies look and are signed.")
    description: Text = ""
    secret: SecretStr | None = Field(None, description="One of your own; without it one is made.")
    enabled: bool = True


class Change(_Strict):
    url: str | None = Field(None, min_length=1, max_length=2000)
    events: list[Word] | None = Field(None, min_length=1, max_length=200)
    form: Form | None = None
    description: Text | None = None
    enabled: bool | None = Field(None, description="true begins anew with what happens from now on.")


class Rotate(_Strict):
    overlap_hours: float = Field(
        24.0, ge=0, le=168, allow_inf_nan=False, description="So long the present secret signs as well."
    )
    secret: SecretStr | None = Field(None, description="One of your own; without it one is made.")


class DeliveriesQuery(Paging):
    state: Literal["delivered", "failed", "given_up"] | None = None


class WebhookView(BaseModel):
    """An endpoint. Its secret is shown once, when it is made."""

    id: str
    url: str
    events: list[str]
    form: str
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: str | None = Field(description="Since when nothing gets through.")
    last_error: str | None
    delivered: int
    given_up: int
    old_secret_valid_until: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, webhook: webhooks.Webhook, **more: Any) -> "WebhookView":
        def moment(at_ms: int | None) -> str | None:
            return None if at_ms is None else iso_millis(at_ms)

        same = ("id", "url", "form", "description", "enabled", "delivered", "given_up")
        return cls(
            **{name: getattr(webhook, name) for name in same},
            events=list(webhook.names),
            disabled_reason=webhook.disabled_reason or None,
            failing_since=moment(webhook.failing_since_ms),
            last_error=webhook.last_error or None,
            old_secret_valid_until=moment(webhook.previous_until_ms),
            created_at=iso_millis(webhook.created_ms),
            updated_at=iso_millis(webhook.updated_ms),
            **more,
        )


class MadeView(WebhookView):
    secret: str = Field(description="Shown this once.")


class EventView(BaseModel):
    name: str
    description: str


class DeliveryView(BaseModel):
    """The last attempt of one event at one endpoint."""

    id: str
    event_id: str = Field(description="What `webhook-id` said.")
    event: str
    state: str = Field(description="delivered, failed, given_up.")
    attempts: int
    status: int | None = Field(description="Of the last answer; null when there was none.")
    error: str | None
    duration_ms: int
    happened_at: str
    tried_at: str

    @classmethod
    def of(cls, found: webhooks.Delivery) -> "DeliveryView":
        return cls(
            id=found.id,
            event_id=found.event,
            event=found.name,
            state=found.state,
            attempts=found.attempts,
            status=found.status,
            error=found.error or None,
            duration_ms=found.duration_ms,
            happened_at=iso_millis(found.at_ms),
            tried_at=iso_millis(found.updated_ms),
        )


class SentView(BaseModel):
    """What one request came to."""

    event_id: str
    event: str
    delivered: bool
    status: int | None
    error: str | None
    duration_ms: int

    @classmethod
    def of(cls, sent: webhooks.Sent) -> "SentView":
        same = ("event_id", "delivered", "status", "duration_ms")
        return cls(**{name: getattr(sent, name) for name in same}, event=sent.name, error=sent.error or None)


async def every(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=[WebhookView.of(one) for one in await webhooks.every(tx, by)])


async def create(call: Call[None, Create]) -> Reply:
    core, by = asked(call)
    body = call.body
    new = webhooks.New(
        url=body.url,
        events=tuple(body.events),
        form=body.form,
        description=body.description,
        secret=body.secret.get_secret_value() if body.secret else None,
        enabled=body.enabled,
    )
    async with core.database.begin() as tx:
        made = await webhooks.create(core, tx, by, new)
    return Reply(data=_made(made), message="Keep the secret: it is not shown again.")


async def find(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=WebhookView.of(await webhooks.find(tx, by, call.path["webhook"])))


async def change(call: Call[None, Change]) -> Reply:
    core, by = asked(call)
    body = call.body
    changes = webhooks.Changes(
        url=body.url,
        events=None if body.events is None else tuple(body.events),
        form=body.form,
        description=body.description,
        enabled=body.enabled,
    )
    async with core.database.begin() as tx:
        return Reply(data=WebhookView.of(await webhooks.change(core, tx, by, call.path["webhook"], changes)))


async def delete(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.begin() as tx:
        await webhooks.delete(core, tx, by, call.path["webhook"])
    return Reply(data=None, message="It gets nothing more.")


async def rotate(call: Call[None, Rotate]) -> Reply:
    core, by = asked(call)
    secret = call.body.secret.get_secret_value() if call.body.secret else None
    overlap_s = round(call.body.overlap_hours * _HOUR_S)
    async with core.database.begin() as tx:
        made = await webhooks.rotate(core, tx, by, call.path["webhook"], overlap_s=overlap_s, secret=secret)
    return Reply(data=_made(made), message="Keep the secret: it is not shown again.")


async def deliveries(call: Call[DeliveriesQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        page = await webhooks.deliveries(
            core, tx, by, call.path["webhook"], state=query.state, limit=query.limit, cursor=query.cursor
        )
    return Reply(data=[DeliveryView.of(one) for one in page.items], pagination=page.pagination())


async def resend(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    sent = await webhooks.resend(core, by, call.path["webhook"], call.path["delivery"])
    return Reply(data=SentView.of(sent))


async def test(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=SentView.of(await webhooks.test(core, by, call.path["webhook"])))


async def events(call: Call[None, None]) -> Reply:
    del call
    return Reply(data=[EventView(name=name, description=text) for name, text in EVENTS.items()])


def _made(made: webhooks.Made) -> MadeView:
    view = MadeView.of(made.webhook, secret=made.secret)
    assert isinstance(view, MadeView)  # noqa: S101 - narrows the type: `of` makes what it is called on
    return view


_READ, _WRITE = "webhooks:read", "webhooks:write"
_PATH = "/api/v1/webhooks"
_ONE = f"{_PATH}/{{webhook}}"

ROUTES = (
    Route("GET", _PATH, every, summary="All endpoints", response=list[WebhookView], scope=_READ),
    Route(
        "POST",
        _PATH,
        create,
        summary="Send events to an address",
        body=Create,
        response=MadeView,
        status=201,
        scope=_WRITE,
        errors=(Conflict,),
        creates=True,
    ),
    Route(
        "GET",
        f"{_PATH}/events",
        events,
        summary="Events to choose from",
        response=list[EventView],
        scope=_READ,
    ),
    Route("GET", _ONE, find, summary="An endpoint", response=WebhookView, scope=_READ, errors=(NotFound,)),
    Route(
        "PATCH",
        _ONE,
        change,
        summary="Change, disable or enable an endpoint",
        body=Change,
        response=WebhookView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route("DELETE", _ONE, delete, summary="Send it nothing more", scope=_WRITE, errors=(NotFound,)),
    Route(
        "POST",
        f"{_ONE}/rotate-secret",
        rotate,
        summary="Another secret; the present one signs as well for a while",
        body=Rotate,
        response=MadeView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "POST",
        f"{_ONE}/test",
        test,
        summary="Send a test now",
        response=SentView,
        scope=_WRITE,
        errors=(NotFound,),
    ),
    Route(
        "GET",
        f"{_ONE}/deliveries",
        deliveries,
        summary="What became of its events",
        query=DeliveriesQuery,
        response=list[DeliveryView],
        scope=_READ,
        errors=(NotFound, CursorExpired),
    ),
    Route(
        "POST",
        f"{_ONE}/deliveries/{{delivery}}/resend",
        resend,
        summary="Send an event once more, now",
        response=SentView,
        scope=_WRITE,
        errors=(NotFound, Conflict),
    ),
)
