"""A sender: takes references from the head of one connector's queue, fetches the payloads, sends, settles.

Due retries come first, then the queue: what is too old for an alert goes, then the digest that counts it,
then the rest. A blocked destination is probed with one event. Nothing here is trusted to be alone: another
process may hold the same references, the compare-and-set decides whose answer counts.
"""

from collections.abc import Callable, Sequence

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Delivered, Outcome, Rejected, Retry
from hub.pipeline.digest import STALE
from hub.pipeline.exchange import Exchange, Take
from hub.pipeline.fate import Settlement, decide, settle_head, settle_ordered
from hub.pipeline.lane import Lane, SenderObserver
from hub.pipeline.payloads import MissingPayload, Payloads
from hub.pipeline.tally import Tallying
from hub.sdk.connector import Connector
from hub.store.base import Digest, Fate, Log, RetryRef, Stale, Tally

__all__ = ["Lane", "Sender", "SenderObserver", "Tell"]

Tell = Callable[[Digest], Entry]
"""How a digest becomes an event that a connector can be given: the same one each time."""
_LOOK = 500
"""Most references that are looked at for age at once, where a batch is smaller."""
_DROPPED = Fate("dropped", STALE)


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
        observer: SenderObserver,
        tell: Tell | None = None,
    ) -> None:
        """Raises `ValueError` for a lane that counts events without a `tell` to say so."""
        if lane.tells and tell is None:
            msg = f"{lane.name} has max_age or storm: it needs a way to tell of what it counts"
            raise ValueError(msg)
        self.lane = lane
        self._connector = connector
        self._exchange = Exchange(lane, connector, take)
        self._log = log
        self._payloads = payloads
        self._now_ms = now_ms
        self._observer = observer
        self._tell = tell
        self.drained = False
        """Whether the last round saw the end of the queue: another look would be for nothing."""
        self._failures = 0
        """Blocked answers in a row; above 0 the next send is a probe."""
        self._maybe_blocked = True
        """Unknown at start: another process may have left the row blocked."""
        self._tells = lane.tells
        self._tallying = Tallying(lane)
        self._held_up = (0, 0)
        """`ordered`: the seq that everything waits for, and how often it was tried."""

    async def open(self) -> None:
        """Open the connector; one that was left blocked begins with a probe."""
        await self._connector.__aenter__()
        rows = await self._log.rows(now_ms=self._now_ms(), name=self.lane.name)
        self._failures = int(any(row.state == "blocked" for row in rows))
        self._tells = self._tell is not None and (self.lane.tells or any(row.tallied for row in rows))

    async def close(self) -> None:
        """Close the connector."""
        await self._connector.__aexit__(None, None, None)

    @property
    def blocked(self) -> bool:
        """Whether the last send found the destination blocked: the next one waits for its probe to be due."""
        return self._failures > 0

    async def turn(self) -> int:
        """One round: due retries, then the head. Returns how many events got a fate (0 = nothing to do or
        blocked).
        """
        failures = self._failures
        settled = await self._retries()
        if self._failures > failures:
            return settled  # the probe just failed: the head would only fail too
        return settled + await self._head()

    # -- the queue's head ------------------------------------------------------------------------------------
    async def _head(self) -> int:
        """A probe is an alert where there is one: a digest that is on its way counts no more."""
        dropped, entries = await self._fresh()
        probing = self._failures
        if not (probing and entries) and not await self._digests():
            return dropped
        if not entries:
            return dropped
        settled = await self._deliver(entries)
        if probing and not self._failures:
            await self._digests()
        return dropped + settled

    async def _fresh(self) -> tuple[int, list[Entry]]:
        """Drop what is too old; how many that were, and what to send next."""
        dropped, least = 0, 1 if self._failures or self.lane.ordered else 0
        want = batch = least or self.lane.batch_events * self.lane.concurrency
        while refs := (await self._log.peek(self.lane.name, want, now_ms=self._now_ms())).refs:
            try:
                entries = await self._payloads.of(refs)
            except MissingPayload as error:
                await self._block(Blocked(f"stopped: {error}"))
                return dropped, []
            stale = self._tallying.old(entries, self._now_ms())
            if not stale:
                fitting = self._fitting(entries[:batch])
                self.drained = len(refs) < want and len(fitting) == len(refs)
                return dropped, fitting
            tally = self._tallying.stale(stale, self._now_ms())
            if not await self._settle(stale, [_DROPPED] * len(stale), [tally]):
                return dropped, []
            dropped += len(stale)
            want = min(want * 2, max(want, _LOOK)) if len(stale) == len(entries) else batch
        self.drained = True
        return dropped, []

    def _fitting(self, entries: list[Entry]) -> list[Entry]:
        """As many as the batch's bytes allow, at least one."""
        room = self.lane.batch_bytes * self.lane.concurrency
        for at, entry in enumerate(entries):
            room -= len(entry.body)
            if room < 0 and at:
                return entries[:at]
        return entries

    async def _deliver(self, entries: list[Entry]) -> int:
        """Send them but for those that a storm counts."""
        now = self._now_ms()
        plan = self._tallying.plan(entries, now, probing=self._failures > 0)
        alone = plan.alone
        answers = await self._send(alone) if alone else []
        settlement = self._settlement(entries, plan.outcomes(answers))
        tallies = self._tallying.tallies(plan, settlement.fates, now)
        if not await self._settle(entries, settlement.fates, tallies):
            return 0
        self._tallying.settled(plan, settlement.fates, now)
        if alone:  # what was only counted says nothing about the destination
            await self._note(answers, settlement.blocked)
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
            await self._block(outcome)
            return False
        fate = decide(outcome, digest.attempts, 0, self.lane.limits)
        if fate.kind == "parked":  # there is no place to park it, and its events have their fates
            fate = Fate("dropped", fate.reason)
        now = self._now_ms()
        if await self._log.digested(self.lane.name, digest.number, fate, now_ms=now):
            self._observer.told(self.lane, digest, fate)
        self._tallying.told(digest, now)
        await self._note([outcome], None)
        return True

    # -- retries ---------------------------------------------------------------------------------------------
    async def _retries(self) -> int:
        want = 1 if self._failures else self.lane.batch_events
        refs = await self._log.due(self.lane.name, want, now_ms=self._now_ms())
        if not refs:
            return 0
        refs = sorted(refs, key=lambda ref: ref.seq)
        try:
            entries = await self._payloads.of([ref.seq for ref in refs])
        except MissingPayload as error:
            await self._block(Blocked(f"stopped: {error}"))
            return 0
        now = self._now_ms()
        pairs = list(zip(refs, entries, strict=True))
        dropped = await self._drop_retries([pair for pair in pairs if self._tallying.is_old(pair[1], now)])
        fresh = [pair for pair in pairs if not self._tallying.is_old(pair[1], now)]
        if not fresh:
            return dropped
        entries = self._fitting([entry for _, entry in fresh])
        outcomes = await self._send(entries)
        return dropped + await self._settle_retries([ref for ref, _ in fresh], entries, outcomes)

    async def _drop_retries(self, stale: Sequence[tuple[RetryRef, Entry]]) -> int:
        if not stale:
            return 0
        now = self._now_ms()
        tallies = {ref.seq: self._tallying.stale([entry], now) for ref, entry in stale}
        settled = [(ref, _DROPPED, uid_text(entry.uid)) for ref, entry in stale]
        counted = await self._log.retried(self.lane.name, settled, now_ms=now, tallies=tallies)
        self._observer.sent(self.lane, [_DROPPED] * counted, now - stale[0][1].header.recorded_ms)
        return counted

    async def _settle_retries(
        self, refs: list[RetryRef], entries: list[Entry], outcomes: Sequence[Outcome]
    ) -> int:
        clock = await self._log.clock_ms(self.lane.name, now_ms=self._now_ms())
        settled = [
            (ref, decide(outcome, ref.attempts, clock - ref.first_ms, self.lane.limits), uid_text(entry.uid))
            for ref, entry, outcome in zip(refs, entries, outcomes, strict=False)
            if not isinstance(outcome, Blocked)
        ]
        counted = 0
        if settled:
            counted = await self._log.retried(self.lane.name, settled, now_ms=self._now_ms())
            self._observer.sent(
                self.lane, [fate for _, fate, _ in settled], self._now_ms() - entries[0].header.recorded_ms
            )
        again_ms = [fate.after_ms for _, fate, _ in settled if fate.kind == "retry"]
        blocked = next((o for o in outcomes if isinstance(o, Blocked)), None)
        await self._note(outcomes, blocked, again_s=min(again_ms, default=0) / 1000)
        return counted

    async def _send(self, entries: list[Entry]) -> list[Outcome]:
        return await self._exchange.send(entries)

    # -- blocked or not --------------------------------------------------------------------------------------
    async def _note(
        self, outcomes: Sequence[Outcome], blocked: Blocked | None, *, again_s: float = 0.0
    ) -> None:
        """What a send says about the destination. A block ends with an event that it took, or refused for
        good: an answer about content. `Retry` alone may still be the destination's trouble, so the next
        event is the probe, soon; `again_s` is when the one that was tried wants to be tried again.
        """
        if blocked is not None:
            await self._block(blocked)
        elif any(isinstance(outcome, Delivered | Rejected) for outcome in outcomes):
            await self._works()
        elif self._failures and (retry := next((o for o in outcomes if isinstance(o, Retry)), None)):
            self._failures = 0
            await self._block(Blocked(retry.reason, again_s))

    async def _works(self) -> None:
        self._failures = 0
        if self._maybe_blocked:
            self._maybe_blocked = False
            if await self._log.unblock(self.lane.name, now_ms=self._now_ms()):
                self._observer.recovered(self.lane)

    async def _block(self, blocked: Blocked) -> None:
        wait_s = self.lane.probes.delay_s(self._failures, blocked.probe_after_s)
        self._failures += 1
        self._maybe_blocked = True
        now = self._now_ms()
        if await self._log.block(self.lane.name, blocked.reason[:300], now + int(wait_s * 1000), now_ms=now):
            self._observer.blocked(self.lane, blocked.reason)
