"""What became of a webhook's events, and requests to it by hand."""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from core.outward.ledger import Attempt, delivery_id
from core.outward.letter import Letter, body_of, letter_of
from core.paging.keyset import Asked, Keyset, Page
from core.paging.keyset import page as page_of
from core.service import visible
from core.service.by import By
from core.service.core import Core
from core.service.webhooks import TEST, find, on_record
from core.store import feed
from core.store import webhooks as stored
from core.store.feed import Happening
from core.store.tables import webhook_deliveries
from core.store.webhooks import Delivery, Webhook
from hub.model.outcome import Delivered
from hub.sql.ids import new_id
from hub.web.errors import Conflict, NotFound

__all__ = ["Delivery", "Sent", "deliveries", "resend", "test"]

_BY: Final = Keyset(webhook_deliveries.c.at_ms, webhook_deliveries.c.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one request by hand came to. `status` is `None` when there was no answer."""

    event_id: str
    name: str
    delivered: bool
    status: int | None
    error: str
    duration_ms: int


async def deliveries(
    core: Core,
    tx: AsyncConnection,
    by: By,
    webhook_id: str,
    *,
    state: Literal["delivered", "failed", "given_up"] | None = None,
    limit: int = 100,
    cursor: str | None = None,
) -> Page[Delivery]:
    """What became of those of its events that the caller may see, the newest event first.

    Raises `NotFound`, and those of the cursor.
    """
    webhook = await find(tx, by, webhook_id)
    query = visible.deliveries(stored.deliveries(by.tenant, webhook.id), by)
    if state is not None:
        query = query.where(webhook_deliveries.c.state == state)
    asked = Asked(
        scope=f"deliveries:{by.tenant}:{webhook.id}", filters={"state": state}, limit=limit, cursor=cursor
    )
    return (await page_of(tx, query, _BY, core.cursors, asked)).of(stored.delivery)


async def resend(core: Core, by: By, webhook_id: str, delivery: str) -> Sent:
    """Send that event once more, now, under its own id.

    Raises `NotFound`, also where the caller may not see the event, `Conflict` (the event is not kept any
    more, or not for this webhook).
    """
    async with core.database.read() as tx:
        webhook = await find(tx, by, webhook_id)
        mine = visible.deliveries(stored.deliveries(by.tenant, webhook.id), by)
        known = await stored.one_of(tx, mine, delivery)
        if known is None:
            raise NotFound(f"There is no delivery {delivery[:80]} of this webhook.")
        event = await feed.find(tx, by.tenant, known.event)
    if known.name == TEST:
        raise Conflict("That was a test: test the webhook again.")
    if event is None:
        raise Conflict("The event is not kept any more.")
    if not webhook.sight.sees(event.domain, event.held_by):
        raise Conflict("The event is not for this webhook any more.")
    return await _send(core, by, webhook, event, "webhook.resend")


async def test(core: Core, by: By, webhook_id: str) -> Sent:
    """Send a `webhook.test` now, whatever events it wants, disabled or not. Raises `NotFound`."""
    async with core.database.read() as tx:
        webhook = await find(tx, by, webhook_id)
    event = Happening(
        seq=0,
        id=new_id("evt"),
        tenant=by.tenant,
        name=TEST,
        action="",
        domain="",
        held_by="",
        node_id=core.node_id,
        data={"webhook": webhook.id, "actor": by.shown},
        at_ms=core.clock(),
    )
    return await _send(core, by, webhook, event, "webhook.test")


async def _send(core: Core, by: By, webhook: Webhook, event: Happening, action: str) -> Sent:
    hooks = core.outward.hooks
    letter: Letter = letter_of(body_of(event))
    async with hooks.courier(webhook) as courier:
        tried = await courier.send(letter, core.outward.policy.timeout_s)
    delivered = isinstance(tried.answer, Delivered)
    attempt = Attempt(letter, tried, "delivered" if delivered else "failed")
    await hooks.ledger.note(webhook, [attempt], by_hand=True)
    details = {"event": event.id, "status": tried.status, "delivery": delivery_id(webhook.id, event.id)}
    async with core.database.begin() as tx:
        await on_record(core, tx, by, action, webhook, details=details)
    return Sent(
        event_id=event.id,
        name=event.name,
        delivered=delivered,
        status=tried.status,
        error=tried.error,
        duration_ms=tried.duration_ms,
    )
