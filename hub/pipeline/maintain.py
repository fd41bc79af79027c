"""What has to happen now and then: retention, owed references that retention ended, warnings before it
hurts.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hub.pipeline.keep import Keeper
from hub.store.base import Log

__all__ = ["Alarm", "Retention", "alarms_of", "owed_from"]

_EXPIRE_STEP = 1000
_FILLING = 0.8
_NEAR = 0.8
"""Share of the archive's size limit from which what would go at the limit is told of."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something an operator should know before it hurts; becomes an event of the hub's own source."""

    code: Literal[
        "hub.source_refused",
        "hub.source_silent",
        "hub.log_filling",
        "hub.log_rolled_back",
        "hub.disk_low",
        "hub.dedupe_window_short",
        "hub.retention_near_owed",
    ]
    """Of `hub.sources.mxhub`."""
    subject: str
    """What it is about (a connector, a path): an alarm is raised once per subject until it clears."""
    message: str


async def owed_from(log: Log, now_ms: int) -> int:
    """Lowest seq that some connector may still need: age retention waits for it."""
    head = await log.head()
    owed = head.routed + 1
    for row in await log.rows(now_ms=now_ms):
        if row.retrying or row.parked:
            owed = min(owed, row.oldest_seq or owed)
        if row.queued:
            owed = min(owed, row.head_seq)
    return owed


class Retention:
    """Drops whole archive files by age and size, then ends references whose payload went with them."""

    def __init__(
        self,
        log: Log,
        keeper: Keeper,
        *,
        keep_ms: int | None,
        max_bytes: int | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._log = log
        self._keeper = keeper
        self._keep_ms = keep_ms
        self._max_bytes = max_bytes
        self._now_ms = now_ms

    async def run(self) -> tuple[int, dict[str, int]]:
        """Returns `(events dropped from the archive, {connector: references ended as dropped (expired)})`."""
        now = self._now_ms()
        dropped = await self._keeper.retain(
            now_ms=now,
            keep_ms=self._keep_ms,
            max_bytes=self._max_bytes,
            owed_from=await owed_from(self._log, now),
        )
        return dropped, await self._expire(await self._keeper.oldest_seq() - 1)

    async def near_owed(self) -> Sequence[Alarm]:
        """Rows that are owed events which go when the archive grows to its size limit.

        By age nothing owed goes: that waits.
        """
        if self._max_bytes is None:
            return []
        reach = await self._keeper.endangered(int(self._max_bytes * _NEAR))
        found = []
        for row in await self._log.rows(now_ms=self._now_ms()) if reach else ():
            owed = [seq for seq in (row.head_seq, row.oldest_seq) if seq]
            if owed and min(owed) <= reach:
                text = (
                    f"it is owed events from {min(owed)} on, and the archive is at {_NEAR:.0%} of "
                    f"archive.max_bytes: those up to {reach} go next. Let it deliver, or allow more"
                )
                found.append(Alarm("hub.retention_near_owed", row.name, text))
        return found

    async def _expire(self, upto: int) -> dict[str, int]:
        ended: dict[str, int] = {}
        if upto <= 0:
            return ended
        for row in await self._log.rows(now_ms=self._now_ms()):
            while gone := await self._log.expire(row.name, upto, "expired", limit=_EXPIRE_STEP):
                ended[row.name] = ended.get(row.name, 0) + gone
                await asyncio.sleep(0)
        return ended


async def alarms_of(
    log: Log, *, max_entries: int, max_bytes: int, lookback_ms: int, disk_low: str | None
) -> Sequence[Alarm]:
    """What stands now; the caller raises each when it appears and forgets it when it clears."""
    head = await log.head()
    found = []
    share = max(head.log_entries / max_entries, head.log_bytes / max_bytes)
    if share >= _FILLING:
        found.append(
            Alarm("hub.log_filling", "log", f"the log is {share:.0%} full; above 100 % ingest answers 503")
        )
    if disk_low is not None:
        found.append(Alarm("hub.disk_low", "disk", disk_low))
    if lookback_ms and head.seq and head.dedupe_window_ms < lookback_ms:
        hours = head.dedupe_window_ms / 3_600_000
        wanted = lookback_ms / 3_600_000
        text = f"repeats are recognised for {hours:.1f} h, polls look back {wanted:.1f} h: see log.dedupe_ids"
        found.append(Alarm("hub.dedupe_window_short", "dedupe", text))
    return found
