"""Retries that are due: what is too old goes, what belongs to a storm is counted, the rest is sent."""

from collections.abc import Sequence

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Outcome
from hub.pipeline.digest import STALE
from hub.pipeline.fate import POSTPONED, decide
from hub.pipeline.payloads import MissingPayload
from hub.pipeline.serve import Served
from hub.pipeline.tally import Plan
from hub.store.base import Fate, RetryRef

__all__ = ["DROPPED", "Again"]

DROPPED = Fate("dropped", STALE)
_Pair = tuple[RetryRef, Entry]


class Again:
    """Serves one lane's retry set."""

    def __init__(self, served: Served) -> None:
        self._of = served

    async def turn(self) -> int:
        """What is due, a batch at most. Returns how many got another fate."""
        of = self._of
        refs = sorted(await self._due(counts=not of.exchange.rated), key=lambda ref: ref.seq)
        if not refs:
            return 0
        try:
            entries = await of.payloads.of([ref.seq for ref in refs])
        except MissingPayload as error:
            await of.standing.block(Blocked(f"stopped: {error}"))
            return 0
        now = of.now_ms()
        pairs = list(zip(refs, entries, strict=True))
        old = [pair for pair in pairs if self._is_old(pair, now)]
        dropped = await self._drop(old) if old else 0
        fresh = [pair for pair in pairs if not self._is_old(pair, now)]
        return dropped + (await self._deliver(fresh) if fresh else 0)

    async def _due(self, *, counts: bool) -> list[RetryRef]:
        of = self._of
        want = 1 if of.standing.failures else of.lane.batch_events
        return await of.log.due(of.lane.name, want, now_ms=of.now_ms(), counts=counts)

    def _is_old(self, pair: _Pair, now_ms: int) -> bool:
        """What an operator sends again is sent, however old it is."""
        ref, entry = pair
        return not ref.unparked and self._of.tallying.is_old(entry, now_ms)

    async def _drop(self, old: Sequence[_Pair]) -> int:
        of, now = self._of, self._of.now_ms()
        tallies = {ref.seq: of.tallying.stale([entry], now) for ref, entry in old}
        settled = [(ref, DROPPED, uid_text(entry.uid)) for ref, entry in old]
        counted = await of.log.retried(of.lane.name, settled, now_ms=now, tallies=tallies)
        of.observer.sent(of.lane, [DROPPED] * counted, now - old[0][1].header.recorded_ms)
        return counted

    async def _deliver(self, fresh: Sequence[_Pair]) -> int:
        """Send them but for those that a storm counts."""
        of, now = self._of, self._of.now_ms()
        entries = of.fitting([entry for _, entry in fresh])
        refs = [ref for ref, _ in fresh[: len(entries)]]
        plan = of.tallying.plan(entries, now, probing=of.standing.failures > 0, again=refs)
        alone = plan.alone
        if alone and not await self._may_send(len(alone), refs):
            return 0
        answers = await of.exchange.send(alone) if alone else []
        return await self._settle(refs, plan, answers, now)

    async def _may_send(self, n: int, refs: Sequence[RetryRef]) -> bool:
        """Wait for the rate, then look again: only a look right before the send counts against its event."""
        if not self._of.exchange.rated:
            return True
        await self._of.exchange.wait(n)
        return set(refs) <= set(await self._due(counts=True))

    async def _settle(
        self, refs: Sequence[RetryRef], plan: Plan, answers: Sequence[Outcome], planned_ms: int
    ) -> int:
        of = self._of
        outcomes = plan.outcomes(answers)
        clock = await of.log.clock_ms(of.lane.name, now_ms=of.now_ms())
        fates = [
            POSTPONED
            if isinstance(outcome, Blocked)
            else decide(outcome, ref.attempts, clock - ref.first_ms, of.lane.limits)
            for ref, outcome in zip(refs, outcomes, strict=True)
        ]
        settled = [
            (ref, fate, uid_text(entry.uid))
            for ref, fate, entry in zip(refs, fates, plan.entries, strict=True)
            if fate is not POSTPONED
        ]
        counted = 0
        if settled:
            tallies = of.tallying.tally_each(plan, fates, planned_ms)
            counted = await of.log.retried(of.lane.name, settled, now_ms=of.now_ms(), tallies=tallies)
            of.tallying.settled(plan, fates, planned_ms, again=True)
            lag_ms = of.now_ms() - plan.entries[0].header.recorded_ms
            of.observer.sent(of.lane, [fate for _, fate, _ in settled], lag_ms)
        if answers:  # what was only counted says nothing about the destination
            again_ms = [fate.after_ms for _, fate, _ in settled if fate.kind == "retry"]
            blocked = next((o for o in answers if isinstance(o, Blocked)), None)
            await of.standing.note(answers, blocked, again_s=min(again_ms, default=0) / 1000)
        return counted
