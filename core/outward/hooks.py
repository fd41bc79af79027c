"""Webhooks as rows of the engine."""

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from core.outward.courier import Courier
from core.outward.endpoint import Endpoint
from core.outward.ledger import Ledger
from core.outward.mark import Mark
from core.outward.policy import Policy, lane
from core.outward.relay import Row
from core.store import feed, webhooks
from core.store.clock import Clock
from core.store.database import Database
from core.store.webhooks import Webhook
from hub.access.secret_text import Sealer
from hub.delivery import Engine, Owed, Served

__all__ = ["Hooks"]

_PRUNE_MS = 3_600_000
_GIVEN_UP = "given_up"


class Hooks:
    """All tenants' webhooks. `courier` makes one for a request by hand."""

    def __init__(
        self, database: Database, sealer: Sealer, ledger: Ledger, *, clock: Clock, policy: Policy
    ) -> None:
        self._database = database
        self._sealer = sealer
        self.ledger = ledger
        self._clock = clock
        self._policy = policy
        self._places: dict[str, int] = {}
        self._pruned_ms = 0

    def courier(self, webhook: Webhook) -> Courier:
        """Raises `ValueError` when the secret was sealed by another key."""
        return Courier(webhook, self._sealer, self._policy, self._clock)

    async def rows(self, tx: AsyncConnection) -> Sequence[Row]:
        return [self._row(each) for each in await webhooks.enabled(tx)]

    def _row(self, webhook: Webhook) -> Row:
        secret = (webhook.secret, webhook.previous_secret, webhook.previous_until_ms)
        return Row(
            name=webhook.id,
            rules=_rules(webhook),
            stamp=(webhook.url, webhook.form, *secret),
            position=webhook.position,
            make=partial(self._served, webhook),
        )

    def _served(self, webhook: Webhook) -> Served:
        row = lane(webhook.id, "webhook", self._policy)
        return Served(row, Endpoint(self.courier(webhook), self.ledger, self._policy, row.deadline_s))

    async def settle(self, engine: Engine, mark: Mark, owed: Mapping[str, Owed]) -> None:
        async with self._database.read() as tx:
            served = {each.id: each for each in await webhooks.enabled(tx)}
        await self._give_up(engine, mark, served, owed)
        moved = {
            name: mark.base + row.settled
            for name, row in owed.items()
            if name in served and self._places.get(name) != mark.base + row.settled
        }
        failing = [each for each in served.values() if self._is_lost(each)]
        if moved or failing:
            async with self._database.begin() as tx:
                for name, position in moved.items():
                    await webhooks.move(tx, name, position)
                for each in failing:
                    await self.ledger.disable(tx, each, f"it failed for too long: {each.last_error}")
            self._places.update(moved)
        await self._prune(mark)

    def _is_lost(self, webhook: Webhook) -> bool:
        since = webhook.failing_since_ms
        return since is not None and self._clock() - since >= self._policy.give_up_ms

    async def _give_up(
        self, engine: Engine, mark: Mark, served: Mapping[str, Webhook], owed: Mapping[str, Owed]
    ) -> None:
        """What the engine parked was tried long enough: it is written down, then dropped."""
        for name in [name for name, row in owed.items() if row.parked and name in served]:
            parked = await engine.log.parked(name)
            async with self._database.begin() as tx:
                found = await feed.having(tx, [row.seq + mark.base for row in parked])
                await self.ledger.gave_up(tx, served[name], [each.id for each in found.values()])
            await engine.log.drop(name, [row.seq for row in parked], _GIVEN_UP)

    async def _prune(self, mark: Mark) -> None:
        now_ms = self._clock()
        if now_ms - self._pruned_ms < _PRUNE_MS:
            return
        self._pruned_ms = now_ms
        before_ms = now_ms - self._policy.keep_ms
        async with self._database.begin() as tx:
            await feed.prune(tx, before_ms=before_ms, passed=mark.seq)
            await webhooks.prune(tx, before_ms)


def _rules(webhook: Webhook) -> list[Mapping[str, Sequence[str]]]:
    """The events that it wants, as far as they are for it."""
    wanted = {"tenant": [webhook.tenant], "source": sorted(webhook.names)}
    places = webhook.sight.places()
    return [wanted if places is None else {**wanted, "domain": places}]
