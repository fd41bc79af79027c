"""When the log let go of what: the archive had it by then, and when the connector's count passed it."""

import asyncio
from bisect import bisect_left
from time import monotonic
from typing import Self

from hub.store.keys import PartitionKeys
from tests.bench.payload import number_of
from tests.bench.stand import Stand

__all__ = ["Trace"]

_PAUSE_S = 0.005
_READ = 2000


class Trace:
    """Samples the log's head every 5 ms while it is entered; an event counts as done at the first sample that
    says so, so what it tells is up to 5 ms too late.
    """

    def __init__(self, stand: Stand, connector: str) -> None:
        self._stand = stand
        self._keys = PartitionKeys(0)
        self._row = self._keys.row(connector)
        self._times: list[float] = []
        self._trims: list[int] = []
        self._delivered: list[int] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(2 * _PAUSE_S)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        redis = self._stand.redis()
        while True:
            trim = int(await redis.hget(self._keys.head, "trim") or 0)
            start, delivered = await redis.hmget(self._row, "start", "delivered")
            self._times.append(monotonic())
            self._trims.append(trim)
            self._delivered.append(int(start or 0) + int(delivered or 0))
            await asyncio.sleep(_PAUSE_S)

    def done(self, first_seq: int, last_seq: int) -> dict[int, float]:
        """Event number -> monotonic seconds when it was archived and delivered, for what has these places in
        the log. The one connector must match everything, in order.
        """
        found: dict[int, float] = {}
        archive = self._stand.archive()
        try:
            for begin in range(first_seq, last_seq + 1, _READ):
                entries = archive.entries(0, range(begin, min(begin + _READ, last_seq + 1)))
                for seq, entry in entries.items():
                    at = max(bisect_left(self._trims, seq), bisect_left(self._delivered, seq))
                    number = number_of(entry.body)
                    if number is not None and at < len(self._times):
                        found[number] = self._times[at]
        finally:
            archive.close()
        return found
