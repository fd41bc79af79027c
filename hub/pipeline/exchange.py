"""One exchange with a destination: its rate, its deadline, an outcome for every event whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hub.model.event import Entry
from hub.model.outcome import Blocked, Outcome
from hub.pipeline.lane import Lane
from hub.sdk.connector import Connector

__all__ = ["Exchange", "Hold", "Take"]

Take = Callable[[str, float, int], Awaitable[float]]
"""`(bucket, rate per second, n) -> seconds to wait`: the shared token bucket."""
Hold = Callable[[str, float], Awaitable[None]]
"""`(bucket, seconds)`: nobody takes from it before they are over."""
_MOST_HELD_S = 60.0
"""A longer wait is the lane's own: an operator can end that."""


class Exchange:
    """Sends for one lane."""

    def __init__(self, lane: Lane, connector: Connector, take: Take, hold: Hold | None = None) -> None:
        self._lane = lane
        self._connector = connector
        self._take = take
        self._hold = hold
        self._bucket = f"out:{lane.bucket or lane.name}"

    @property
    def rated(self) -> bool:
        """Whether a send may have to wait for its turn."""
        return self._lane.rate_per_s is not None

    async def wait(self, n: int) -> None:
        """Until `n` may be sent, as the rate has it."""
        rate_per_s = self._lane.rate_per_s
        if rate_per_s is None:
            return
        while (  # noqa: ASYNC110 - the bucket is shared by processes, nobody could set an event
            wait_s := await self._take(self._bucket, rate_per_s, n)
        ) > 0:
            await asyncio.sleep(wait_s)

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """One outcome for each, in order; batches of the lane's size, at once. `wait` comes before."""
        size = self._lane.batch_events
        batches = [entries[at : at + size] for at in range(0, len(entries), size)]
        if len(batches) == 1:
            outcomes = await self._one(entries)
        else:
            answers = await asyncio.gather(*map(self._one, batches))
            outcomes = [outcome for answer in answers for outcome in answer]
        await self._slow_down(outcomes)
        return outcomes

    async def _slow_down(self, outcomes: Sequence[Outcome]) -> None:
        """A destination that wants fewer a second means all that send to it."""
        limit = next((o for o in outcomes if isinstance(o, Blocked) and o.limited), None)
        if limit is not None and self._hold is not None and self.rated:
            await self._hold(self._bucket, min(limit.probe_after_s or 1.0, _MOST_HELD_S))

    async def _one(self, batch: Sequence[Entry]) -> list[Outcome]:
        lane = self._lane
        try:
            async with asyncio.timeout(lane.deadline_s):
                outcomes = list(await self._connector.send(batch))
        except TimeoutError:
            return [Blocked(f"no answer within deadline_s = {lane.deadline_s:g}")] * len(batch)
        except Exception as error:  # a defect of the connector must not lose or park its events
            return [Blocked(f"{lane.kind} failed: {type(error).__name__}: {error}"[:300])] * len(batch)
        if len(outcomes) != len(batch):
            return [Blocked(f"{lane.kind} answered {len(outcomes)} outcomes for {len(batch)} events")] * len(
                batch
            )
        return outcomes
