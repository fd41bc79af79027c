"""The verbs about digests, each called on the log and on its model."""

from collections.abc import Awaitable, Callable
from typing import Any

from hub.store.base import Digest, Fate
from hub.store.log import RedisLog
from tests.factories.log_model import LogModel

__all__ = ["DigestVerbs"]


class DigestVerbs:
    """Part of `tests.factories.log_rig.Rig`."""

    log: RedisLog
    model: LogModel
    now: int
    same: Callable[[Callable[[], Any], Awaitable[Any]], Awaitable[Any]]

    async def seal(self, name: str) -> Digest | None:
        def wanted() -> Digest | None:
            row = self.model.rows.get(name)
            return row.tallies.seal(name, self.now) if row and row.paused_ms is None else None

        found = await self.same(wanted, self.log.seal(name, now_ms=self.now))
        return found if isinstance(found, Digest) else None

    async def digested(self, name: str, number: int, fate: Fate) -> None:
        def wanted() -> bool:
            row = self.model.rows.get(name)
            return row.tallies.digested(number, fate, self.now) if row else False

        await self.same(wanted, self.log.digested(name, number, fate, now_ms=self.now))
