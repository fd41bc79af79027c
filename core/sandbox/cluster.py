"""The other nodes of the made cluster: they join, fall silent, and bring their audit entries later."""

import random
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from core.sandbox.estate import Pace
from core.store import audit, estate

__all__ = ["Cluster"]


class Cluster:
    """`own` serves the API and never goes away. Partners follow the pace, each a bit later."""

    def __init__(self, names: Sequence[str], pace: Pace, rng: random.Random) -> None:
        if not names:
            raise ValueError("nodes: name at least one")
        self.own = names[0]
        self._partners = tuple(names[1:])
        self._pace = pace
        self._rng = rng
        self._began_ms = 0

    async def begin(self, tx: AsyncConnection, now_ms: int) -> None:
        """The own node is present from the first moment on; partners have to be heard again."""
        self._began_ms = now_ms
        await estate.beat(tx, self.own, "10.0.0.1", now_ms)
        await estate.set_present(tx, self.own, present=True)

    async def beat(self, tx: AsyncConnection, now_ms: int) -> None:
        """One round of heartbeats. A partner that is cut off goes on writing its own audit log."""
        await estate.beat(tx, self.own, "10.0.0.1", now_ms)
        for index, name in enumerate(self._partners):
            elapsed_s = (now_ms - self._began_ms) / 1000 - index * 20.0
            if self.heard(elapsed_s):
                await estate.beat(tx, name, f"10.0.0.{index + 2}", now_ms)
            elif elapsed_s > self._pace.partner_joins_s and self._rng.random() < 0.4:  # noqa: PLR2004 -- a share
                await _work_alone(tx, name, now_ms)

    def heard(self, elapsed_s: float) -> bool:
        """Whether a partner's heartbeat arrives at this moment of its life."""
        pace = self._pace
        since_s = elapsed_s - pace.partner_joins_s
        if since_s < 0:
            return False
        if since_s < pace.partner_stays_s + pace.partner_away_s:
            return since_s < pace.partner_stays_s
        later_s = since_s - pace.partner_stays_s - pace.partner_away_s
        return later_s % (pace.partner_later_stays_s + pace.partner_away_s) < pace.partner_later_stays_s

    async def pick(self, tx: AsyncConnection) -> str:
        """The node that takes the next message: one of those present."""
        present = [node.id for node in await estate.nodes(tx) if node.present]
        return self._rng.choice(present) if present else self.own


async def _work_alone(tx: AsyncConnection, name: str, now_ms: int) -> None:
    note = audit.Note(
        actor=audit.Actor(type="user", name="oncall", ip="10.0.0.9"),
        action="auth.login",
        resource="user/oncall",
        details={"method": "console", "cluster": "unreachable"},
    )
    await audit.append(tx, name, now_ms, note)
