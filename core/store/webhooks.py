"""Webhook endpoints, where each stands among the events, and what became of what they were sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import RowMapping, Select, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from core.store.sight import SIGHT, Sight
from core.store.tables import webhook_deliveries, webhooks

__all__ = [
    "Delivery",
    "Webhook",
    "add",
    "add_up",
    "change",
    "count",
    "deliveries",
    "delivery",
    "enabled",
    "failing",
    "find",
    "give_up",
    "keep_delivery",
    "many",
    "move",
    "one_of",
    "prune",
    "remove",
    "states",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint. `secret` and `previous_secret` are sealed; `names` are the events that it wants, as far as
    its `sight` goes.

    Every event up to `position` it took, did not want, or was given up. `failing_since_ms` is when it last
    began to fail; `None` while it works.
    """

    id: str
    tenant: str
    description: str
    url: str
    form: str
    names: tuple[str, ...]
    sight: Sight
    secret: str
    previous_secret: str
    previous_until_ms: int | None
    enabled: bool
    disabled_reason: str
    position: int
    failing_since_ms: int | None
    last_error: str
    delivered: int
    given_up: int
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of one event at one endpoint. `status` is of the last answer; `None` when there was none.

    `state`: delivered; failed (it is tried again, unless it was sent by hand); given_up.
    """

    id: str
    tenant: str
    webhook: str
    event: str
    name: str
    state: str
    attempts: int
    status: int | None
    error: str
    duration_ms: int
    at_ms: int
    updated_ms: int


_PLACE = [webhooks.c[name] for name in (*(Webhook.__dataclass_fields__.keys() - {"sight"}), *SIGHT)]
_SENT = [webhook_deliveries.c[name] for name in Delivery.__dataclass_fields__]


async def add(tx: AsyncConnection, values: Mapping[str, Any]) -> None:
    await tx.execute(insert(webhooks).values(**values))


async def find(tx: AsyncConnection, tenant: str, webhook_id: str) -> Webhook | None:
    wanted = select(*_PLACE).where(webhooks.c.tenant == tenant, webhooks.c.id == webhook_id)
    row = (await tx.execute(wanted)).mappings().one_or_none()
    return None if row is None else _webhook(row)


async def many(tx: AsyncConnection, tenant: str) -> list[Webhook]:
    """A tenant's, oldest first."""
    wanted = select(*_PLACE).where(webhooks.c.tenant == tenant).order_by(webhooks.c.created_ms, webhooks.c.id)
    return [_webhook(row) for row in (await tx.execute(wanted)).mappings()]


async def count(tx: AsyncConnection, tenant: str) -> int:
    found = select(func.count()).select_from(webhooks).where(webhooks.c.tenant == tenant)
    return int((await tx.execute(found)).scalar_one())


async def enabled(tx: AsyncConnection) -> list[Webhook]:
    """Of all tenants: what has to be sent to."""
    wanted = select(*_PLACE).where(webhooks.c.enabled).order_by(webhooks.c.id)
    return [_webhook(row) for row in (await tx.execute(wanted)).mappings()]


async def change(tx: AsyncConnection, webhook_id: str, **values: Any) -> None:
    await tx.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(**values))


async def add_up(tx: AsyncConnection, webhook_id: str, **counts: int) -> None:
    """Add to `delivered`, `given_up`."""
    if counts:
        more = {name: webhooks.c[name] + n for name, n in counts.items()}
        await tx.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(**more))


async def failing(tx: AsyncConnection, webhook_id: str, error: str, now_ms: int) -> None:
    """It failed again, or for the first time: then since now."""
    since = func.coalesce(webhooks.c.failing_since_ms, now_ms)
    await change(tx, webhook_id, failing_since_ms=since, last_error=error)


async def move(tx: AsyncConnection, webhook_id: str, position: int) -> None:
    """Its place moves on, never back."""
    behind = (webhooks.c.id == webhook_id, webhooks.c.position < position)
    await tx.execute(update(webhooks).where(*behind).values(position=position))


async def remove(tx: AsyncConnection, webhook_id: str) -> None:
    """The endpoint and the log of its deliveries."""
    await tx.execute(delete(webhook_deliveries).where(webhook_deliveries.c.webhook == webhook_id))
    await tx.execute(delete(webhooks).where(webhooks.c.id == webhook_id))


def deliveries(tenant: str, webhook_id: str) -> Select[Any]:
    """To be narrowed, ordered and cut."""
    place = webhook_deliveries.c
    return select(*_SENT).where(place.tenant == tenant, place.webhook == webhook_id)


def delivery(row: RowMapping) -> Delivery:
    return Delivery(**row)


async def one_of(tx: AsyncConnection, among: Select[Any], delivery_id: str) -> Delivery | None:
    """One among `deliveries`."""
    wanted = among.where(webhook_deliveries.c.id == delivery_id)
    row = (await tx.execute(wanted)).mappings().one_or_none()
    return None if row is None else delivery(row)


async def states(tx: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """Delivery id -> state, of those that were tried before."""
    place = webhook_deliveries.c
    found = await tx.execute(select(place.id, place.state).where(place.id.in_(ids)))
    return {row.id: row.state for row in found}


async def keep_delivery(tx: AsyncConnection, values: Mapping[str, Any], *, known: bool) -> None:
    """Write the outcome of one more attempt; `known` when there was one before."""
    if not known:
        await tx.execute(insert(webhook_deliveries).values(**values, attempts=1))
        return
    place = webhook_deliveries.c
    last = {name: values[name] for name in ("state", "status", "error", "duration_ms", "updated_ms")}
    await tx.execute(
        update(webhook_deliveries).where(place.id == values["id"]).values(**last, attempts=place.attempts + 1)
    )


async def give_up(tx: AsyncConnection, delivery_id: str, now_ms: int) -> bool:
    """It is tried no more. Whether that is news."""
    place = webhook_deliveries.c
    still = update(webhook_deliveries).where(place.id == delivery_id, place.state == "failed")
    return bool((await tx.execute(still.values(state="given_up", updated_ms=now_ms))).rowcount)


async def prune(tx: AsyncConnection, before_ms: int) -> int:
    """Forget deliveries that ended before. Returns how many."""
    place = webhook_deliveries.c
    return (await tx.execute(delete(webhook_deliveries).where(place.updated_ms < before_ms))).rowcount


def _webhook(row: RowMapping) -> Webhook:
    plain = {name: value for name, value in row.items() if name not in SIGHT}
    return Webhook(**{**plain, "names": tuple(row["names"]), "sight": Sight.of(row)})
