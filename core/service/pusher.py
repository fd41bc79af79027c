"""Sends the outbox to the webhook endpoints: in order, signed, again until it is taken."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.outward.forms import Push
from core.store import outbox
from core.store.clock import Clock
from core.store.database import Database
from core.store.tenancy import OPERATOR
from hub.sdk.http import Client, HttpError

__all__ = ["Policy", "Pusher", "retry_after_s"]

_PUSHER = Actor(type="system", id="webhook")
_TAKEN = range(200, 300)
_REFUSED = frozenset({400, 413, 415, 422})
"""The endpoint says that this body will never do; other answers may change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long, how often, how much."""

    timeout_s: float = 10.0
    first_delay_s: float = 0.5
    max_delay_s: float = 30.0
    max_retry_after_s: float = 3600.0
    max_refusals: int = 10
    max_age_ms: int = 24 * 3600 * 1000
    max_waiting: int = 50_000
    idle_s: float = 1.0
    allow_networks: tuple[str, ...] = ()
    """Networks (CIDR) that endpoints may lie in besides public addresses."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int | None
    retry_after_s: float | None = None


class Pusher:
    """One loop per endpoint; `wake` tells it that something was committed."""

    def __init__(
        self,
        database: Database,
        render: Callable[[outbox.Event, outbox.Endpoint], Push],
        *,
        clock: Clock,
        chain: Chain,
        policy: Policy | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._database = database
        self._render = render
        self._clock = clock
        self._chain = chain
        self._policy = policy or Policy()
        self._rng = rng or random.Random()  # noqa: S311 -- jitter
        self._bells: list[asyncio.Event] = []

    def wake(self) -> None:
        """Look at the outbox now rather than at the next idle tick."""
        for bell in self._bells:
            bell.set()

    async def run(self) -> None:
        """Send until cancelled, to the endpoints that are configured at this moment."""
        self._bells.clear()
        async with self._database.read() as tx:
            targets = await outbox.endpoints(tx)
        policy = self._policy
        async with (
            Client(
                deadline_s=policy.timeout_s,
                allow_networks=policy.allow_networks,
                connections=max(len(targets), 1),
            ) as client,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._housekeeping())
            for endpoint in targets:
                group.create_task(self._pump(client, endpoint.id))

    async def _pump(self, client: Client, endpoint_id: str) -> None:
        bell = asyncio.Event()
        self._bells.append(bell)
        while True:
            bell.clear()
            async with self._database.read() as tx:
                batch = await outbox.waiting(tx, endpoint_id, 50)
            for delivery in batch:
                if not await self._send(client, delivery):
                    break
            if not batch:
                with suppress(TimeoutError):  # wait_for of Python 3.11 may swallow a cancellation here
                    async with asyncio.timeout(self._policy.idle_s):
                        await bell.wait()

    async def _send(self, client: Client, delivery: outbox.Delivery) -> bool:
        """Try one event once. False: it is still at the head (or was stepped over), read the outbox again."""
        endpoint, event = delivery.endpoint, delivery.event
        await self._wait_until(endpoint.due_ms)
        answer = await self._post(client, delivery)
        if answer.status in _TAKEN:
            async with self._database.begin() as tx:
                await outbox.delivered(tx, endpoint.id, event.seq)
            return True
        too_old = self._clock() - event.at_ms > self._policy.max_age_ms
        refused = answer.status in _REFUSED and endpoint.attempts + 1 >= self._policy.max_refusals
        if too_old or refused:
            await self._give_up(delivery, answer)
        else:
            due_ms = self._clock() + round(self._delay_s(endpoint.attempts, answer) * 1000)
            async with self._database.begin() as tx:
                await outbox.failed(tx, endpoint.id, due_ms)
        return False

    async def _wait_until(self, due_ms: int) -> None:
        wait_s = (due_ms - self._clock()) / 1000
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _post(self, client: Client, delivery: outbox.Delivery) -> _Answer:
        push = self._render(delivery.event, delivery.endpoint)
        try:
            answer = await client.request("POST", delivery.endpoint.url, headers=push.headers, body=push.body)
        except HttpError:
            return _Answer(None)
        return _Answer(answer.status, retry_after_s(answer.headers.get("retry-after"), self._clock()))

    def _delay_s(self, attempts: int, answer: _Answer) -> float:
        """Exponential with full jitter; never before the moment that the endpoint named."""
        policy = self._policy
        ceiling = min(policy.first_delay_s * 2.0 ** min(attempts, 30), policy.max_delay_s)
        asked = min(answer.retry_after_s or 0.0, policy.max_retry_after_s)
        return max(self._rng.uniform(ceiling / 2, ceiling), asked)

    async def _give_up(self, delivery: outbox.Delivery, answer: _Answer) -> None:
        endpoint, event = delivery.endpoint, delivery.event
        details = {"event_id": event.id, "event": event.name, "status": answer.status}
        async with self._database.begin() as tx:
            await outbox.give_up(tx, endpoint.id, event.seq)
            await self._given_up(tx, endpoint.id, details)

    async def _housekeeping(self) -> None:
        while True:
            async with self._database.begin() as tx:
                lost = await outbox.trim(tx, self._policy.max_waiting)
                if lost:
                    await self._given_up(tx, "", {"events": lost, "reason": "too many waiting"})
            await asyncio.sleep(max(self._policy.idle_s, 5.0))

    async def _given_up(self, tx: AsyncConnection, endpoint_id: str, details: dict[str, Any]) -> None:
        change = Change(
            actor=_PUSHER,
            action="webhook.given_up",
            resource=Resource(type="webhook", id=endpoint_id),
            result="failure",
            details=details,
        )
        await self._chain.append(tx, OPERATOR, change)


def retry_after_s(value: str | None, now_ms: int) -> float | None:
    """Seconds to wait by a Retry-After header (RFC 9110 section 10.2.3), a number or a date; else `None`."""
    if not value:
        return None
    if value.strip().isdecimal() and len(value) < 10:  # noqa: PLR2004 -- longer than any wait
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError, IndexError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((aware - datetime.fromtimestamp(now_ms / 1000, UTC)).total_seconds(), 0.0)
