"""One exchange with a destination: its rate, its deadline, an outcome for every event whatever happens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hub.model.event import Entry
from hub.model.outcome import Blocked, Outcome
from hub.pipeline.lane import Lane
from hub.sdk.connector import Connector

__all__ = ["Exchange", "Take"]

Take = Callable[[str, float, int], Awaitable[float]]
"""`(bucket, rate per second, n) -> seconds to wait`: the shared token bucket."""


class Exchange:
    """Sends for one lane."""

    def __init__(self, lane: Lane, connector: Connector, take: Take) -> None:
        self._lane = lane
        self._connector = connector
        self._take = take

    async def send(self, entries: Sequence[Entry]) -> list[Outcome]:
        """One outcome for each, in order; batches of the lane's size, at once."""
        lane = self._lane
        if lane.rate_per_s is not None:
            while (  # noqa: ASYNC110 - the bucket is shared by processes, nobody could set an event
                wait_s := await self._take(f"out:{lane.bucket or lane.name}", lane.rate_per_s, len(entries))
            ) > 0:
                await asyncio.sleep(wait_s)
        size = lane.batch_events
        if len(entries) <= size:
            return await self._one(entries)
        batches = [entries[at : at + size] for at in range(0, len(entries), size)]
        answers = await asyncio.gather(*map(self._one, batches))
        return [outcome for answer in answers for outcome in answer]

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
