"""`/webhooks`: endpoints, their secrets, and what became of what they were sent."""

from core.api.services import asked, paged
from core.api.webhook_models import (
    Change,
    Create,
    DeliveriesQuery,
    DeliveryView,
    EventView,
    MadeView,
    Rotate,
    SentView,
    WebhookView,
    changes_of,
    new_of,
)
from core.service import webhook_deliveries, webhooks
from core.service.event_names import EVENTS
from hub.web.errors import Conflict, CursorExpired, NotFound
from hub.web.route import Call, Reply, Route

__all__ = ["ROUTES"]

_HOUR_S = 3600


async def every(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=[WebhookView.of(one) for one in await webhooks.every(tx, by)])


async def create(call: Call[None, Create]) -> Reply:
    core, by = asked(call)
    new = new_of(call.body, call.body.form)
    async with core.database.begin() as tx:
        made = await webhooks.create(core, tx, by, new)
    return _made(made)


async def find(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    async with core.database.read() as tx:
        return Reply(data=WebhookView.of(await webhooks.find(tx, by, call.path["webhook"])))


async def change(call: Call[None, Change]) -> Reply:
    core, by = asked(call)
    changes = changes_of(call.body, call.body.form)
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
    return _made(made)


async def deliveries(call: Call[DeliveriesQuery, None]) -> Reply:
    core, by = asked(call)
    query = call.query
    async with core.database.read() as tx:
        page = await webhook_deliveries.deliveries(
            core, tx, by, call.path["webhook"], state=query.state, limit=query.limit, cursor=query.cursor
        )
    return paged(page, DeliveryView.of)


async def resend(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    sent = await webhook_deliveries.resend(core, by, call.path["webhook"], call.path["delivery"])
    return Reply(data=SentView.of(sent))


async def test(call: Call[None, None]) -> Reply:
    core, by = asked(call)
    return Reply(data=SentView.of(await webhook_deliveries.test(core, by, call.path["webhook"])))


async def events(call: Call[None, None]) -> Reply:
    del call
    return Reply(data=[EventView(name=name, description=text) for name, text in EVENTS.items()])


def _made(made: webhooks.Made) -> Reply:
    view = MadeView.of(made.webhook, secret=made.secret)
    return Reply(data=view, message="Keep the secret: it is not shown again.")


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
        creates=True,
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
