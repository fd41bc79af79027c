"""What sends said, in the database: the log of deliveries, and how each endpoint does."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from core.outward.courier import GONE, Tried
from core.outward.letter import Letter
from core.store import webhooks
from core.store.clock import Clock
from core.store.database import Database
from core.store.webhooks import Webhook

__all__ = ["Attempt", "Disabled", "Ledger", "delivery_id"]

Disabled = Callable[[AsyncConnection, Webhook, str], Awaitable[None]]
"""`(transaction, endpoint, why)`: put on record that it was disabled, and tell."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """`state`: delivered, failed, given_up."""

    letter: Letter
    tried: Tried
    state: str


def delivery_id(webhook_id: str, event_id: str) -> str:
    """Of one event at one endpoint: the same at every attempt."""
    return "dlv_" + sha256(f"{webhook_id}\n{event_id}".encode()).hexdigest()[:24]


class Ledger:
    def __init__(self, database: Database, *, clock: Clock, disabled: Disabled) -> None:
        self._database = database
        self._clock = clock
        self._disabled = disabled

    async def note(self, webhook: Webhook, attempts: Sequence[Attempt], *, by_hand: bool = False) -> None:
        """Write down attempts. One `by_hand` says nothing of how the endpoint does. Raises `Unavailable`."""
        if not attempts:
            return
        now_ms = self._clock()
        async with self._database.begin() as tx:
            ids = [delivery_id(webhook.id, each.letter.id) for each in attempts]
            before = await webhooks.states(tx, ids)
            for row_id, attempt in zip(ids, attempts, strict=True):
                values = self._row(webhook, row_id, attempt, now_ms)
                await webhooks.keep_delivery(tx, values, known=row_id in before)
            fresh = [
                each.state
                for row_id, each in zip(ids, attempts, strict=True)
                if before.get(row_id) != each.state
            ]
            await self._count(tx, webhook, attempts, fresh, by_hand=by_hand)

    async def disable(self, tx: AsyncConnection, webhook: Webhook, reason: str) -> None:
        """Send no more to it, and tell why; nothing when somebody was faster."""
        now = await webhooks.find(tx, webhook.tenant, webhook.id)
        if now is None or not now.enabled:
            return
        await webhooks.change(tx, webhook.id, enabled=False, disabled_reason=reason, updated_ms=self._clock())
        await self._disabled(tx, now, reason)

    async def gave_up(self, tx: AsyncConnection, webhook: Webhook, event_ids: Sequence[str]) -> None:
        """Events that were tried long enough."""
        lost = 0
        for event_id in event_ids:
            lost += await webhooks.give_up(tx, delivery_id(webhook.id, event_id), self._clock())
        if lost:
            await webhooks.add_up(tx, webhook.id, given_up=lost)

    def _row(self, webhook: Webhook, row_id: str, attempt: Attempt, now_ms: int) -> dict[str, Any]:
        letter, tried = attempt.letter, attempt.tried
        return {
            "id": row_id,
            "tenant": webhook.tenant,
            "webhook": webhook.id,
            "event": letter.id,
            "name": letter.name,
            "state": attempt.state,
            "status": tried.status,
            "error": tried.error,
            "duration_ms": tried.duration_ms,
            "at_ms": letter.at_ms,
            "updated_ms": now_ms,
        }

    async def _count(
        self,
        tx: AsyncConnection,
        webhook: Webhook,
        attempts: Sequence[Attempt],
        fresh: Sequence[str],
        *,
        by_hand: bool,
    ) -> None:
        counts = {"delivered": fresh.count("delivered"), "given_up": fresh.count("given_up")}
        await webhooks.add_up(tx, webhook.id, **{name: n for name, n in counts.items() if n})
        failed = [each for each in attempts if each.state == "failed"]
        if any(each.state == "delivered" for each in attempts):
            await webhooks.change(tx, webhook.id, failing_since_ms=None, last_error="")
        elif failed and not by_hand:
            await webhooks.failing(tx, webhook.id, failed[-1].tried.error, self._clock())
        if any(each.tried.status == GONE for each in failed) and not by_hand:
            await self.disable(tx, webhook, failed[-1].tried.error)
