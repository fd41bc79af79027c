"""Cluster nodes: one joins with its first heartbeat and leaves when no new one came for a while.

Clocks are not trusted. A heartbeat counts when its value changed, whatever it says; silence is counted in
time that the detector itself lived through, at most `longest_step_ms` a run, so that neither a machine that
was paused nor a clock that jumps makes nodes leave.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from core.audit.chain import Chain
from core.detectors import states
from core.detectors.event import CLUSTER, Event, tell
from core.detectors.states import State
from core.store import estate
from core.store.clock import iso_seconds

__all__ = ["HEARTBEAT_MS", "PERIOD_MS", "TIMEOUT_MS", "detect", "leave"]

HEARTBEAT_MS: Final = 5_000
PERIOD_MS: Final = 5_000
TIMEOUT_MS: Final = 20_000
_LONGEST_STEP_MS: Final = 2 * PERIOD_MS
_DETECTOR, _SUBJECT = "node", "cluster"


@dataclass(slots=True)
class _Memory:
    """`heard`: node -> its last heartbeat, and the lived time at which it came (`None`: it said goodbye)."""

    run_ms: int
    lived_ms: int
    heard: dict[str, tuple[int, int | None]]


async def detect(
    tx: AsyncConnection,
    now_ms: int,
    *,
    chain: Chain,
    timeout_ms: int = TIMEOUT_MS,
    longest_step_ms: int = _LONGEST_STEP_MS,
) -> list[Event]:
    """`cluster.node_joined` and `cluster.node_left`."""
    memory = await _recall(tx, now_ms)
    memory.lived_ms += min(max(now_ms - memory.run_ms, 0), longest_step_ms)
    nodes = await estate.nodes(tx)
    before, memory.heard = memory.heard, {}
    events = []
    for node in nodes:
        known = before.get(node.id) or _first_sight(node, memory.lived_ms, now_ms, timeout_ms)
        heard = known if known[0] == node.heartbeat_ms else (node.heartbeat_ms, memory.lived_ms)
        memory.heard[node.id] = heard
        is_there = heard[1] is not None and memory.lived_ms - heard[1] <= timeout_ms
        if is_there != node.present:
            await estate.set_present(tx, node.id, present=is_there)
            events.append(_event(node, is_there=is_there, reason="silent"))
    await _keep(tx, memory, now_ms)
    return await tell(tx, chain, now_ms, events)


async def leave(tx: AsyncConnection, now_ms: int, *, chain: Chain) -> list[Event]:
    """The node that writes stops, and says so instead of falling silent."""
    node_id = chain.node_id
    node = await estate.node(tx, node_id)
    if node is None or not node.present:
        return []
    memory = await _recall(tx, now_ms)
    memory.heard[node_id] = (node.heartbeat_ms, None)
    await _keep(tx, memory, memory.run_ms)
    await estate.set_present(tx, node_id, present=False)
    return await tell(tx, chain, now_ms, [_event(node, is_there=False, reason="stopped")])


def _first_sight(node: estate.Node, lived_ms: int, now_ms: int, timeout_ms: int) -> tuple[int, int | None]:
    """One that counts as present gets the whole time-out; a row from long ago is no heartbeat."""
    fresh = node.present or now_ms - node.heartbeat_ms <= timeout_ms
    return node.heartbeat_ms, lived_ms if fresh else None


async def _recall(tx: AsyncConnection, now_ms: int) -> _Memory:
    kept = await states.get(tx, _DETECTOR, _SUBJECT)
    if kept is None:
        return _Memory(now_ms, 0, {})
    heard = {name: (beat, lived) for name, (beat, lived) in kept.details["heard"].items()}
    return _Memory(kept.details["run_ms"], kept.details["lived_ms"], heard)


async def _keep(tx: AsyncConnection, memory: _Memory, run_ms: int) -> None:
    heard = {name: list(pair) for name, pair in memory.heard.items()}
    details = {"run_ms": run_ms, "lived_ms": memory.lived_ms, "heard": heard}
    await states.put(
        tx, _DETECTOR, State(subject=_SUBJECT, state="watching", since_ms=run_ms, details=details)
    )


def _event(node: estate.Node, *, is_there: bool, reason: str) -> Event:
    data = {
        "node_id": node.id,
        "address": node.address,
        "last_heartbeat_at": iso_seconds(node.heartbeat_ms),
        **({} if is_there else {"reason": reason}),
    }
    name = "cluster.node_joined" if is_there else "cluster.node_left"
    return Event(name=name, resource=f"cluster/{node.id}", data=data, actor=CLUSTER)
