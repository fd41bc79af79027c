"""The other nodes of the made cluster: they join, fall silent, and bring their audit entries later."""

import json
import random
from collections.abc import Sequence
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.audit.entry import Actor, Change, Resource
from core.sandbox.pace import Pace
from core.store import estate, meta
from core.store.tenancy import OPERATOR

__all__ = ["Cluster"]

_LOGIN = Change(
    actor=Actor(type="user", id="oncall", ip="10.0.0.9"),
    action="auth.login",
    resource=Resource(type="user", id="oncall"),
    details={"method": "console", "cluster": "unreachable"},
)


class Cluster:
    """`own` serves the API and never goes away. Partners follow the pace, each a bit later."""

    def __init__(self, own: str, partners: Sequence[str], pace: Pace, rng: random.Random) -> None:
        self.own = own
        self._partners = tuple(partners)
        self._pace = pace
        self._rng = rng
        self._began_ms = 0

    async def begin(self, tx: AsyncConnection, now_ms: int) -> None:
        """The own node is present from the first moment on; partners have to be heard again."""
        self._began_ms = now_ms
        await estate.beat(tx, self.own, "10.0.0.1", now_ms)
        await estate.set_present(tx, self.own, present=True)

    async def beat(self, tx: AsyncConnection, chain: Chain, now_ms: int) -> None:
        """One round of heartbeats. A partner that is cut off goes on writing its own audit log."""
        await estate.beat(tx, self.own, "10.0.0.1", now_ms)
        for index, name in enumerate(self._partners):
            elapsed_s = (now_ms - self._began_ms) / 1000 - index * 20.0
            if self.heard(elapsed_s):
                await estate.beat(tx, name, f"10.0.0.{index + 2}", now_ms)
                await _bring(tx, chain, name)
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
    """Somebody signs in at its console. Its log lies with it until it is back."""
    kept = json.loads(await meta.get(tx, _log_of(name)) or "[]")
    await meta.put(tx, _log_of(name), json.dumps([*kept, now_ms]))


async def _bring(tx: AsyncConnection, chain: Chain, name: str) -> None:
    """What it wrote while it was away comes in late, with the times at which it happened."""
    for at_ms in json.loads(await meta.get(tx, _log_of(name)) or "[]"):
        await chain.at(partial(int, at_ms), node_id=name).append(tx, OPERATOR, _LOGIN)
    await meta.put(tx, _log_of(name), "[]")


def _log_of(name: str) -> str:
    return f"log of {name}"
