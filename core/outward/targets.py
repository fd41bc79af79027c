"""Notification targets as rows of the engine: each message is sent by Apprise, in a thread."""

import time
from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from core.notify.places import Places
from core.notify.send import Note, Result, send_now
from core.outward.letter import letter_of
from core.outward.mark import Mark
from core.outward.notes import note_of
from core.outward.policy import Policy, lane
from core.outward.relay import Row
from core.outward.watch import rules_of
from core.store import notifications
from core.store.clock import Clock
from core.store.database import Database
from core.store.notifications import Target
from hub.access.secret_text import Sealer
from hub.delivery import Engine, Owed, Served
from hub.model.event import Entry
from hub.model.outcome import Blocked, Delivered, Outcome
from hub.sdk.blame import Answer, Blame, Doubt
from hub.sdk.connector import OWN_SHARE
from hub.sdk.each import send_each
from hub.sdk.http import Guard
from hub.sdk.lifetime import Closing

__all__ = ["Targets"]

_THREADS = 256
"""That wait for services at once; begun when they are needed."""
_REFUSED = frozenset({400, 413, 422})
_LIMITED = 429


class Targets:
    """All tenants' targets. `send` is for a test by hand."""

    def __init__(self, database: Database, sealer: Sealer, *, clock: Clock, policy: Policy) -> None:
        self._database = database
        self._sealer = sealer
        self._clock = clock
        self._policy = policy
        self._guard = Guard(policy.allow_networks)
        self._sending = Places("notify", _THREADS)
        self._places: dict[str, int] = {}

    def close(self) -> None:
        """Nobody waits for a service that hangs."""
        self._sending.close()

    async def send(self, target: Target, note: Note) -> Result:
        """Raises `ValueError` when the URL was sealed by another key."""
        url = self._sealer.open(target.url)
        timeout_s = self._policy.timeout_s
        return await self._sending.run(target.tenant, target.id, send_now, url, note, self._guard, timeout_s)

    async def rows(self, tx: AsyncConnection) -> Sequence[Row]:
        return [
            Row(
                name=each.id,
                rules=rules_of(each),
                stamp=(each.url, each.form),
                position=each.position,
                make=partial(self._served, each),
            )
            for each in await notifications.enabled(tx)
        ]

    def _served(self, target: Target) -> Served:
        row = lane(target.id, "notification", self._policy)
        return Served(row, _Person(self, target, row.deadline_s))

    async def settle(self, engine: Engine, mark: Mark, owed: Mapping[str, Owed]) -> None:
        """What could not be told for a day is told no more: it is counted, and the target begins anew."""
        async with self._database.read() as tx:
            served = {each.id: each for each in await notifications.enabled(tx)}
        moved = {
            name: mark.base + row.settled
            for name, row in owed.items()
            if name in served and self._places.get(name) != mark.base + row.settled
        }
        gone = {name: row.parked for name, row in owed.items() if name in served and row.parked}
        lost = {name for name in owed if name in served and self._is_lost(served[name])}
        gone |= {name: owed[name].waiting + owed[name].parked for name in lost}
        if moved or gone:
            async with self._database.begin() as tx:
                for name, position in moved.items():
                    await notifications.move(tx, name, position)
                for name, count in gone.items():
                    await notifications.gave_up(tx, name, count, fresh=name in lost)
            self._places.update(moved)
        for name in gone:
            if name in lost:
                await engine.forget(name)
            else:
                parked = await engine.log.parked(name)
                await engine.log.drop(name, [row.seq for row in parked], "given_up")

    def _is_lost(self, target: Target) -> bool:
        since = target.failing_since_ms
        return since is not None and self._clock() - since >= self._policy.give_up_ms

    async def noted(self, target: Target, results: Sequence[Result]) -> None:
        """Write down how the target does."""
        sent = sum(result.sent for result in results)
        failed = [result for result in results if not result.sent]
        if not results:
            return
        async with self._database.begin() as tx:
            if sent:
                await notifications.worked(tx, target.id, sent)
            elif failed:
                await notifications.failing(tx, target.id, failed[-1].error, self._clock())


class _Person(Closing):
    """The connector of one target: one message at a time."""

    def __init__(self, targets: Targets, target: Target, within_s: float) -> None:
        self._targets = targets
        self._target = target
        self._within_s = within_s * OWN_SHARE
        self._blame = Blame(time.monotonic)

    async def close(self) -> None:
        """Nothing is kept open."""

    async def send(self, batch: Sequence[Entry]) -> Sequence[Outcome]:
        results: list[Result] = []

        async def one(entry: Entry, left_s: float) -> Answer:
            del left_s  # the policy's time is shorter
            result = await self._targets.send(self._target, note_of(letter_of(entry.body), self._target.form))
            results.append(result)
            return _meant(result)

        answers = await send_each(batch, one, within_s=self._within_s)
        await self._targets.noted(self._target, results)
        return self._blame.judge(batch, answers)


def _meant(result: Result) -> Answer:
    if result.sent:
        return Delivered()
    if result.status in _REFUSED:
        return Doubt(reason=result.error, refusal=True)
    return Blocked(result.error, limited=result.status == _LIMITED)
