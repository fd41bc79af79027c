"""A sender: takes references from the head of one connector's queue, fetches the payloads, sends, settles.

Due retries come first, then the queue. A blocked destination is probed with one event. Nothing here is
trusted to be
alone: another process may hold the same references, the compare-and-set decides whose answer counts.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hub.model.event import Entry
from hub.model.ids import uid_text
from hub.model.outcome import Blocked, Outcome
from hub.pipeline.backoff import PROBES, Backoff
from hub.pipeline.fate import Limits, Settlement, decide, settle_head
from hub.pipeline.payloads import MissingPayload, Payloads
from hub.sdk.connector import Connector
from hub.store.base import Fate, Log, RetryRef, Stale

__all__ = ["Lane", "Sender", "SenderObserver"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """How one connector is served."""

    name: str
    """The queue's name: the connector's, or `connector@job` for a replay."""
    kind: str
    batch_events: int = 500
    batch_bytes: int = 4 * 1024 * 1024
    concurrency: int = 1
    deadline_s: float = 30.0
    rate_per_s: float | None = None
    bucket: str = ""
    """Name of the bucket that its rate is taken from; empty = its own. A replay shares its connector's."""
    max_age_ms: int | None = None
    ordered: bool = False
    """One event at a time: within a batch a refused event would be overtaken by those behind it."""
    limits: Limits = field(default_factory=Limits)
    probes: Backoff = PROBES


class SenderObserver(Protocol):
    """Told what happened."""

    def sent(self, lane: Lane, fates: Sequence[Fate], lag_ms: int) -> None:
        """A batch was settled; `lag_ms` from recording to settling, of its oldest event."""
        ...

    def blocked(self, lane: Lane, reason: str) -> None:
        """The destination became blocked."""
        ...

    def recovered(self, lane: Lane) -> None:
        """It works again."""
        ...


Take = Callable[[str, float, int], Awaitable[float]]
"""`(bucket, rate per second, n) -> seconds to wait`: the shared token bucket."""


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
    ) -> None:
        self.lane = lane
        self._connector = connector
        self._log = log
        self._payloads = payloads
        self._now_ms = now_ms
        self._take = take
        self._observer = observer
        self.drained = False
        """Whether the last round saw the end of the queue: another look would be for nothing."""
        self._failures = 0
        """Blocked answers in a row; above 0 the next send is a probe."""
        self._maybe_blocked = True
        """Unknown at start: another process may have left the row blocked."""

    async def open(self) -> None:
        """Open the connector; one that was left blocked begins with a probe."""
        await self._connector.__aenter__()
        rows = await self._log.rows(now_ms=self._now_ms(), name=self.lane.name)
        self._failures = int(any(row.state == "blocked" for row in rows))

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
        alone = self._failures or self.lane.ordered
        want = 1 if alone else self.lane.batch_events * self.lane.concurrency
        refs = (await self._log.peek(self.lane.name, want, now_ms=self._now_ms())).refs
        self.drained = len(refs) < want
        if not refs:
            return 0
        try:
            entries = self._fitting(await self._payloads.of(refs))
            self.drained = self.drained and len(entries) == len(refs)
        except MissingPayload as error:
            await self._block(Blocked(f"stopped: {error}"))
            return 0
        stale = self._stale_prefix(entries)
        if stale:
            return await self._settle(entries[:stale], Settlement([Fate("dropped", "stale")] * stale, None))
        settlement = settle_head(await self._send(entries), self.lane.limits, ordered=self.lane.ordered)
        return await self._settle(entries, settlement)

    def _fitting(self, entries: list[Entry]) -> list[Entry]:
        """As many as the batch's bytes allow, at least one."""
        room = self.lane.batch_bytes * self.lane.concurrency
        for at, entry in enumerate(entries):
            room -= len(entry.body)
            if room < 0 and at:
                return entries[:at]
        return entries

    def _stale_prefix(self, entries: Sequence[Entry]) -> int:
        """How many events at the head are too old for an alert (recorded longer ago than `max_age`)."""
        if self.lane.max_age_ms is None:
            return 0
        limit = self._now_ms() - self.lane.max_age_ms
        return next((at for at, e in enumerate(entries) if e.header.recorded_ms >= limit), len(entries))

    async def _settle(self, entries: Sequence[Entry], settlement: Settlement) -> int:
        done = entries[: len(settlement.fates)]
        if done:
            uids = [uid_text(entry.uid) for entry in done]
            try:
                await self._log.settle(
                    self.lane.name, [e.seq for e in done], settlement.fates, uids, now_ms=self._now_ms()
                )
            except Stale:
                return 0  # somebody else's answer counted first
            self._observer.sent(self.lane, settlement.fates, self._now_ms() - done[0].header.recorded_ms)
        await self._note(settlement.blocked)
        return len(done)

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
        entries = self._fitting(entries)
        outcomes = await self._send(entries)
        return await self._settle_retries(refs, entries, outcomes)

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
        await self._note(next((o for o in outcomes if isinstance(o, Blocked)), None))
        return counted

    # -- the exchange ----------------------------------------------------------------------------------------
    async def _send(self, entries: list[Entry]) -> list[Outcome]:
        if self.lane.rate_per_s is not None:
            while (  # noqa: ASYNC110 - the bucket is shared by processes, nobody could set an event
                wait_s := await self._take(
                    f"out:{self.lane.bucket or self.lane.name}", self.lane.rate_per_s, len(entries)
                )
            ) > 0:
                await asyncio.sleep(wait_s)
        size = self.lane.batch_events
        batches = [entries[at : at + size] for at in range(0, len(entries), size)]
        answers = await asyncio.gather(*map(self._exchange, batches))
        return [outcome for answer in answers for outcome in answer]

    async def _exchange(self, batch: list[Entry]) -> list[Outcome]:
        try:
            async with asyncio.timeout(self.lane.deadline_s):
                outcomes = list(await self._connector.send(batch))
        except TimeoutError:
            return [Blocked(f"no answer within deadline_s = {self.lane.deadline_s:g}")] * len(batch)
        except Exception as error:  # a defect of the connector must not lose or park its events
            return [Blocked(f"{self.lane.kind} failed: {type(error).__name__}: {error}"[:300])] * len(batch)
        if len(outcomes) != len(batch):
            return [
                Blocked(f"{self.lane.kind} answered {len(outcomes)} outcomes for {len(batch)} events")
            ] * len(batch)
        return outcomes

    # -- blocked or not --------------------------------------------------------------------------------------
    async def _note(self, blocked: Blocked | None) -> None:
        if blocked is not None:
            await self._block(blocked)
            return
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
