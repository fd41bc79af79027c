"""A sender: takes references from the head of one connector's queue, fetches the payloads, sends, settles.

Due retries come first, then the queue: what is too old for an alert goes, then the digest that counts it,
then the rest. A blocked destination is probed with one event. Nothing here is trusted to be alone: another
process may hold the same references, the compare-and-set decides whose answer counts.
"""

from collections.abc import Callable, Sequence

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Outcome, Retry
from hub.pipeline.again import DROPPED, Again
from hub.pipeline.exchange import Exchange, Hold, Take
from hub.pipeline.fate import Settlement, decide, settle_head, settle_ordered
from hub.pipeline.lane import Lane, SenderObserver
from hub.pipeline.payloads import MissingPayload, Payloads
from hub.pipeline.serve import Served
from hub.pipeline.standing import Standing
from hub.pipeline.tally import Tallying
from hub.sdk.connector import Connector
from hub.store.base import Digest, Fate, Log, Stale, Tally

__all__ = ["Lane", "Sender", "SenderObserver", "Tell"]

Tell = Callable[[Digest], Entry]
"""How a digest becomes an event that a connector can be given: the same one each time."""
_LOOK = 500
"""Most references that are looked at for age at once, where a batch is smaller."""


class Sender:
    """Serves one lane in this process."""

    def __init__(
        self,
        lane: Lane,
        connector: Connector,
        log: Log,
        payloads: Payloads,
        *,
        now_ms: Callable[[], int],
        take: Take,
        hold: Hold | None = None,
        observer: SenderObserver,
        tell: Tell | None = None,
    ) -> None:
        """Raises `ValueError` for a lane that counts events without a `tell` to say so."""
        if lane.tells and tell is None:
            msg = f"{lane.name} has max_age or storm: it needs a way to tell of what it counts"
            raise ValueError(msg)
        self.lane = lane
        self._connector = connector
        self._exchange = Exchange(lane, connector, take, hold)
        self._log = log
        self._payloads = payloads
        self._now_ms = now_ms
        self._observer = observer
        self._tell = tell
        self._tallying = Tallying(lane)
        self._standing = Standing(lane, log, observer, now_ms=now_ms)
        self._served = Served(
            lane=lane,
            log=log,
            payloads=payloads,
            exchange=self._exchange,
            tallying=self._tallying,
            standing=self._standing,
            observer=observer,
            now_ms=now_ms,
        )
        self._again = Again(self._served)
        self.drained = False
        """Whether the last round saw the end of the queue: another look would be for nothing."""
        self._tells = lane.tells
        self._held_up = (0, 0)
        """`ordered`: the seq that everything waits for, and how often it was tried."""

    async def open(self) -> None:
        """Open the connector; one that was left blocked begins with a probe."""
        await self._connector.__aenter__()
        rows = await self._log.rows(now_ms=self._now_ms(), name=self.lane.name)
        self._standing.failures = int(any(row.state == "blocked" for row in rows))
        self._tells = self._tell is not None and (self.lane.tells or any(row.tallied for row in rows))

    async def close(self) -> None:
        """Close the connector."""
        await self._connector.__aexit__(None, None, None)

    @property
    def blocked(self) -> bool:
        """Whether the last send found the destination blocked: the next one waits for its probe to be due."""
        return self._standing.failures > 0

    async def turn(self) -> int:
        """One round: due retries, then the head. Returns how many events got a fate (0 = nothing to do or
        blocked).
        """
        failures = self._standing.failures
        settled = await self._again.turn()
        if self._standing.failures > failures:
            return settled  # the probe just failed: the head would only fail too
        return settled + await self._head()

    # -- the queue's head ------------------------------------------------------------------------------------
    async def _head(self) -> int:
        """A probe is an alert where there is one: a digest that is on its way counts no more."""
        dropped, entries = await self._fresh()
        if entries is None:
            return dropped
        probing = self._standing.failures
        if not (probing and entries) and not await self._digests():
            return dropped
        if not entries:
            return dropped
        settled = await self._deliver(entries)
        if probing and not self._standing.failures:
            await self._digests()
        return dropped + settled

    async def _fresh(self) -> tuple[int, list[Entry] | None]:
        """Drop what is too old; how many that were, and what to send next: `None` when that is not there."""
        dropped, least = 0, 1 if self._standing.failures or self.lane.ordered else 0
        want = batch = least or self.lane.batch_events * self.lane.concurrency
        while refs := await self._peek(want, counts=not self._exchange.rated):
            try:
                entries = await self._payloads.of(refs)
            except MissingPayload as error:
                await self._standing.block(Blocked(f"stopped: {error}"))
                return dropped, None
            stale = self._tallying.old(entries, self._now_ms())
            if not stale:
                fitting = self._served.fitting(entries[:batch])
                self.drained = len(refs) < want and len(fitting) == len(refs)
                return dropped, fitting
            tally = self._tallying.stale(stale, self._now_ms())
            if not await self._settle(stale, [DROPPED] * len(stale), [tally]):
                return dropped, []
            dropped += len(stale)
            want = min(want * 2, max(want, _LOOK)) if len(stale) == len(entries) else batch
        self.drained = True
        return dropped, []

    async def _peek(self, n: int, *, counts: bool) -> tuple[int, ...]:
        return (await self._log.peek(self.lane.name, n, now_ms=self._now_ms(), counts=counts)).refs

    async def _may_send(self, n: int, entries: Sequence[Entry]) -> bool:
        """Wait for the rate, then look again: only a look right before the send counts against the head, or
        restarts while it waits would park what was never sent.
        """
        if not self._exchange.rated:
            return True
        await self._exchange.wait(n)
        return list(await self._peek(len(entries), counts=True)) == [entry.seq for entry in entries]

    async def _deliver(self, entries: list[Entry]) -> int:
        """Send them but for those that a storm counts."""
        now = self._now_ms()
        plan = self._tallying.plan(entries, now, probing=self._standing.failures > 0)
        alone = plan.alone
        if alone and not await self._may_send(len(alone), entries):
            return 0
        answers = await self._exchange.send(alone) if alone else []
        settlement = self._settlement(entries, plan.outcomes(answers))
        tallies = self._tallying.tallies(plan, settlement.fates, now)
        if not await self._settle(entries, settlement.fates, tallies):
            return 0
        self._tallying.settled(plan, settlement.fates, now)
        if alone:  # what was only counted says nothing about the destination
            await self._standing.note(answers, settlement.blocked)
        return len(settlement.fates)

    def _settlement(self, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> Settlement:
        if not self.lane.ordered:
            return settle_head(outcomes, self.lane.limits)
        seq = entries[0].seq
        attempts = self._held_up[1] if self._held_up[0] == seq else 0
        if isinstance(outcomes[0], Retry):
            self._held_up = seq, attempts + 1
        return settle_ordered(outcomes, self.lane.limits, attempts=attempts)

    async def _settle(
        self, entries: Sequence[Entry], fates: Sequence[Fate], tallies: Sequence[Tally]
    ) -> bool:
        """Whether our answer counted, or there was none; not if somebody else's was first."""
        done = entries[: len(fates)]
        if not done:
            return True
        now = self._now_ms()
        try:
            await self._log.settle(
                self.lane.name,
                [entry.seq for entry in done],
                fates,
                [uid_text(entry.uid) for entry in done],
                now_ms=now,
                tallies=tallies,
            )
        except Stale:
            return False
        self._observer.sent(self.lane, fates, now - done[0].header.recorded_ms)
        return True

    # -- digests ---------------------------------------------------------------------------------------------
    async def _digests(self) -> bool:
        """Send those that are due. False when the destination does not take them now."""
        tell = self._tell if self._tells else None
        while tell and (digest := await self._log.seal(self.lane.name, now_ms=self._now_ms())):
            if not await self._send_digest(digest, tell):
                return False
        return True

    async def _send_digest(self, digest: Digest, tell: Tell) -> bool:
        """Only an answer ends it: killed in between it is sent again, with the same id."""
        (outcome,) = await self._send([tell(digest)])
        if isinstance(outcome, Blocked):
            await self._standing.block(outcome)
            return False
        fate = decide(outcome, digest.attempts, 0, self.lane.limits)
        if fate.kind == "parked":  # there is no place to park it, and its events have their fates
            fate = Fate("dropped", fate.reason)
        now = self._now_ms()
        if await self._log.digested(self.lane.name, digest.number, fate, now_ms=now):
            self._observer.told(self.lane, digest, fate)
        self._tallying.told(digest, now)
        await self._standing.note([outcome], None)
        return True

    async def _send(self, entries: list[Entry]) -> list[Outcome]:
        await self._exchange.wait(len(entries))
        return await self._exchange.send(entries)
