"""A log whose server loses its end: saved, put back, and a scenario for each guard against that."""

from collections.abc import Awaitable, Callable
from copy import deepcopy
from dataclasses import dataclass

from redis.asyncio import Redis

from hub.store.base import RolledBack
from hub.store.log import RedisLog
from tests.factories.log_model import LogModel
from tests.factories.log_rig import Rig
from tests.factories.valkey import events

__all__ = ["ROLLBACKS", "Saved", "go_back", "refused", "restart_from", "save"]

FORMER = b"0dead0"
"""Stands for a former life of the server's process: another one than the real server's."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Everything on the server, as a snapshot on its disk would have it."""

    keys: dict[bytes, bytes]
    model: LogModel


async def save(rig: Rig) -> Saved:
    redis: Redis = rig.log._redis
    names = [name async for name in redis.scan_iter(match="mxhub:*")]
    return Saved({name: await redis.dump(name) for name in names}, deepcopy(rig.model))


async def go_back(rig: Rig, saved: Saved) -> RedisLog:
    """The server has its older data again, behind a connection that stays; returns the log of the process
    that saw more. The rig goes on as another process.
    """
    redis: Redis = rig.log._redis
    await redis.flushall()
    for name, dumped in saved.keys.items():
        await redis.restore(name, 0, dumped)
    survivor = rig.log
    rig.model = deepcopy(saved.model)
    rig.log = RedisLog(redis, limits=rig.limits, scripts=survivor._scripts)
    return survivor


async def restart_from(rig: Rig, saved: Saved) -> RedisLog:
    """The same by a restart: everything so far was in a former run of the server."""
    survivor = await go_back(rig, saved)
    redis, head = rig.log._redis, rig.log.keys.head
    number, real = survivor._server_run
    survivor._server_run = number, FORMER
    runs = (await redis.hget(head, "runs") or b"").replace(real, FORMER)
    await redis.hset(head, "runs", runs)
    return survivor


async def refused(call: Awaitable[object]) -> bool:
    """Whether it was refused because the log was rolled back."""
    try:
        await call
    except RolledBack:
        return True
    return False


async def _lost(rig: Rig, *, kept: int = 2, seen: int = 3) -> RedisLog:
    """A process saw `seen` events, the log has `kept`."""
    await rig.publish({"a": [0, 1, 2]}, [])
    await rig.record(range(1, kept + 1))
    saved = await save(rig)
    await rig.record(range(kept + 1, seen + 1))
    return await go_back(rig, saved)


async def record_on_less(rig: Rig) -> None:
    survivor = await _lost(rig)
    assert await refused(survivor.record(events(9), now_ms=rig.now))
    await rig.check()


async def record_on_what_another_found_lost(rig: Rig) -> None:
    survivor = await _lost(rig)
    assert await refused(survivor.trim(0))
    assert await refused(rig.log.record(events(9), now_ms=rig.now))
    await rig.check()


async def route_on_less(rig: Rig) -> None:
    survivor = await _lost(rig)
    assert await refused(survivor.route(0, 2, rig.model.gen, {"a": [1, 2]}))
    await rig.check()


async def route_on_what_another_found_lost(rig: Rig) -> None:
    survivor = await _lost(rig)
    assert await refused(survivor.record(events(9), now_ms=rig.now))
    assert await refused(rig.log.route(0, 2, rig.model.gen, {"a": [1, 2]}))
    await rig.check()


async def _routed(rig: Rig) -> None:
    await rig.route(0, 2, rig.model.gen, {"a": [1, 2]})
    rig.archived = 2


async def trim_on_less(rig: Rig) -> None:
    """By what the archive has, even where the process saw nothing of it."""
    await _lost(rig)
    await _routed(rig)
    assert await refused(rig.log.trim(3))
    await rig.check()


async def trim_on_what_another_found_lost(rig: Rig) -> None:
    survivor = await _lost(rig)
    await _routed(rig)
    assert await refused(survivor.record(events(9), now_ms=rig.now))
    assert await refused(rig.log.trim(1))
    await rig.check()


async def rejoin_what_has_less(rig: Rig) -> None:
    """Behind a proxy that keeps connections: it looks like the same run."""
    survivor = await _lost(rig)
    assert await refused(survivor.rejoin(rig.log._redis))
    assert (await rig.log.head()).rolled_back
    await rig.check()


async def rejoin_what_was_filled_up_again(rig: Rig) -> None:
    await rig.publish({"a": [0, 1, 2]}, [])
    await rig.record([1, 2])
    saved = await save(rig)
    await rig.record([3, 4])
    survivor = await restart_from(rig, saved)
    await rig.record([5, 6, 7])
    assert await refused(survivor.rejoin(rig.log._redis))
    assert await refused(rig.log.record(events(8), now_ms=rig.now))
    await rig.check()


async def rejoin_what_was_accepted(rig: Rig) -> None:
    """The trouble of whoever saw what is lost, and of nobody else any more."""
    await rejoin_what_was_filled_up_again(rig)
    assert await rig.log.accept()
    late = RedisLog(rig.log._redis, scripts=rig.log._scripts)
    late._server_run, late._seen = (1, FORMER), 4
    assert await refused(late.rejoin(rig.log._redis))
    await rig.record([8])


ROLLBACKS: dict[tuple[str, str], Callable[[Rig], Awaitable[None]]] = {
    ("record", "behind"): record_on_less,
    ("record", "lost"): record_on_what_another_found_lost,
    ("route", "behind"): route_on_less,
    ("route", "lost"): route_on_what_another_found_lost,
    ("trim", "behind"): trim_on_less,
    ("trim", "lost"): trim_on_what_another_found_lost,
    ("rejoin", "behind"): rejoin_what_has_less,
    ("rejoin", "since"): rejoin_what_was_filled_up_again,
    ("rejoin", "believed"): rejoin_what_was_filled_up_again,
    ("accept", "believed"): rejoin_what_was_accepted,
}
