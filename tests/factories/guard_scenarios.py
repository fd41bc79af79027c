"""One scenario for each guard of the scripts: with the guard it agrees with the model, without it not."""

from collections.abc import Awaitable, Callable

from hub.store.base import CursorMove, Fate
from hub.store.partition import Limits
from hub.store.state import State
from tests.factories.log_rig import Rig
from tests.factories.tally_model import tally

__all__ = ["SCENARIOS", "Scenario"]

Scenario = Callable[[Rig], Awaitable[None]]
DELIVERED, RETRY, PARKED = Fate("delivered"), Fate("retry", "503", 100), Fate("parked", "400")
SMALL = Limits(max_entries=3, max_bytes=1_000_000, dedupe_ms=1_000_000, dedupe_ids=3)


async def _routed(rig: Rig, count: int = 4) -> int:
    """Events 1 to `count` in the queue of `a`; returns gen."""
    await rig.publish({"a": [0, 1, 2]}, [])
    await rig.record(range(1, count + 1))
    await rig.route(0, count, rig.model.gen, {"a": list(range(1, count + 1))})
    return rig.model.gen


async def stale_cursor(rig: Rig) -> None:
    await rig.record([1], CursorMove("s/x", None, "1"))
    await rig.record([2], CursorMove("s/x", None, "2"))


async def repeat(rig: Rig) -> None:
    await rig.record([1, 2])
    await rig.record([2, 3])


async def repeat_in_one_call(rig: Rig) -> None:
    await rig.record([1, 1])


async def repeat_after_rotation(rig: Rig) -> None:
    rig.limits = rig.log.limits = Limits(
        max_entries=100, max_bytes=1_000_000, dedupe_ms=1_000_000, dedupe_ids=3
    )
    await rig.record([1, 2, 3])
    await rig.record([4])
    await rig.record([5])
    await rig.record([4, 3])


async def full(rig: Rig) -> None:
    rig.limits = rig.log.limits = SMALL
    await rig.record([1, 2])
    await rig.record([3, 4])


async def stale_router(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.route(0, 4, gen, {"a": [1, 2]})


async def router_with_an_old_table(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.publish({"a": [0]}, [])
    await rig.record([5])
    await rig.route(4, 5, gen, {"a": [5]})


async def router_that_knows_no_new_row(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.publish({"a": [0, 1, 2]}, ["b"])
    await rig.record([5])
    await rig.route(4, 5, gen, {"a": [5]})


async def router_that_knows_no_added_row(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.add("b")
    await rig.record([5])
    await rig.route(4, 5, gen, {"a": [5]})


async def router_that_knows_a_forgotten_row(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.forget("a")
    await rig.record([5])
    await rig.route(4, 5, gen, {})


async def router_that_knows_the_old_name(rig: Rig) -> None:
    gen = await _routed(rig)
    await rig.rename("a", "b")
    await rig.record([5])
    await rig.route(4, 5, gen, {})


async def killer_alone(rig: Rig) -> None:
    await _routed(rig)
    for _ in range(4):
        await rig.peek("a", 3)


async def killer_parked(rig: Rig) -> None:
    await _routed(rig)
    for _ in range(8):
        await rig.peek("a", 3)


async def stale_sender(rig: Rig) -> None:
    await _routed(rig)
    refs = await rig.peek("a", 2)
    await rig.settle("a", refs, [DELIVERED, RETRY])
    await rig.settle("a", refs, [DELIVERED, RETRY])


async def outcome_clears_the_looks(rig: Rig) -> None:
    await _routed(rig)
    await rig.peek("a", 3)
    await rig.settle("a", [1], [RETRY])
    for _ in range(3):
        await rig.peek("a", 3)
    rig.now += 1_000
    for _ in range(3):
        await rig.due("a", 3)
    await rig.settle("a", [2], [DELIVERED])
    await rig.due("a", 3)
    await rig.settle("a", [3, 4], [RETRY, RETRY])
    rig.now += 1_000
    for _ in range(4):
        await rig.due("a", 3)


async def _retrying(rig: Rig) -> None:
    await _routed(rig)
    await rig.settle("a", [1, 2, 3, 4], [RETRY, RETRY, PARKED, PARKED])
    rig.now += 100


async def killer_retry_alone(rig: Rig) -> None:
    await _retrying(rig)
    for _ in range(4):
        await rig.due("a", 3)


async def killer_retry_parked(rig: Rig) -> None:
    await _retrying(rig)
    for _ in range(8):
        await rig.due("a", 3)


async def stale_retry(rig: Rig) -> None:
    await _retrying(rig)
    settled = [(ref, Fate("dropped", "stale")) for ref in await rig.due("a", 3)]
    counted = {ref.seq: tally("stale", due_ms=rig.now) for ref, _ in settled}
    await rig.retried("a", settled, counted)
    await rig.retried("a", settled, counted)


async def retry_clears_the_looks(rig: Rig) -> None:
    await _retrying(rig)
    for _ in range(2):
        await rig.due("a", 3)
    refs = await rig.due("a", 3)
    await rig.retried("a", [(refs[1], DELIVERED)])
    await rig.due("a", 3)
    await rig.unpark("a", [3, 4])
    for _ in range(2):
        await rig.due("a", 3)
    await rig.due("a", 3)


async def block_twice(rig: Rig) -> None:
    await _routed(rig)
    await rig.block("a", 100)
    rig.now += 500
    await rig.block("a", 100)


async def block_clears_the_looks(rig: Rig) -> None:
    await _routed(rig)
    for _ in range(3):
        await rig.peek("a", 3)
    await rig.block("a", 100)
    await rig.peek("a", 3)


async def unblock_clears_the_looks(rig: Rig) -> None:
    await _routed(rig)
    for _ in range(3):
        await rig.peek("a", 3)
    await rig.unblock("a")
    await rig.peek("a", 3)


async def clock_stands(rig: Rig) -> None:
    await _retrying(rig)
    await rig.block("a", 100)
    rig.now += 500
    await rig.unblock("a")


async def paused_is_not_ready(rig: Rig) -> None:
    await _routed(rig)
    await rig.pause("a")


async def unpark_twice(rig: Rig) -> None:
    await _retrying(rig)
    await rig.unpark("a", [3, 3, 9])


async def drop_twice(rig: Rig) -> None:
    await _retrying(rig)
    await rig.drop("a", [3, 3, 9])


async def trim_before_the_router(rig: Rig) -> None:
    await _routed(rig)
    await rig.record([5, 6])
    rig.archived = 6
    await rig.trim()


async def push_twice(rig: Rig) -> None:
    await _routed(rig)
    await rig.push("a@j", [1, 2])
    await rig.push("a@j", [1, 2, 3])


async def strike_a_gap(rig: Rig) -> None:
    await rig.publish({"a": [0]}, [])
    await rig.record(range(1, 7))
    await rig.route(0, 6, rig.model.gen, {"a": [2, 4, 6]})
    await rig.log._row("strike", "a", "erased", 3, 5)
    await rig.check()


async def _tallied(rig: Rig) -> None:
    """A digest on its way, and more counted since."""
    await _routed(rig)
    await rig.settle("a", [1, 2], [Fate("dropped", "stale")] * 2, [tally("stale", 2, due_ms=rig.now)])
    await rig.seal("a")
    await rig.settle("a", [3], [DELIVERED], [tally("storm:s", due_ms=rig.now)])


async def sealed_twice(rig: Rig) -> None:
    await _tallied(rig)
    await rig.seal("a")


async def digested_twice(rig: Rig) -> None:
    await _tallied(rig)
    await rig.digested("a", 1, DELIVERED)
    await rig.seal("a")
    await rig.digested("a", 1, DELIVERED)


async def lease_of_another(rig: Rig) -> None:
    assert await rig.log.acquire("a", "first", 60_000)
    assert not await rig.log.acquire("a", "second", 60_000)


async def release_of_another(rig: Rig) -> None:
    assert await rig.log.acquire("a", "first", 60_000)
    await rig.log.release("a", "second")
    assert not await rig.log.acquire("a", "third", 60_000)


async def claim_twice(rig: Rig) -> None:
    state = State(rig.log._redis, scripts=rig.log._scripts)
    await state.schedule("s/x", 1)
    assert await state.claim(2, 10, 1000) == ["s/x"]
    assert await state.claim(2, 10, 1000) == []


async def swapped_by_another(rig: Rig) -> None:
    state = State(rig.log._redis, scripts=rig.log._scripts)
    await state.put("a", "one")
    assert await state.swap("a", "one", "two")
    assert not await state.swap("a", "one", "three")


SCENARIOS: dict[tuple[str, str], Scenario] = {
    ("record", "cursor"): stale_cursor,
    ("record", "seen"): repeat,
    ("record", "twice_in_one_call"): repeat_in_one_call,
    ("record", "seen_before_rotation"): repeat_after_rotation,
    ("record", "full"): full,
    ("publish", "gen_of_text"): router_with_an_old_table,
    ("publish", "gen_of_row"): router_that_knows_no_new_row,
    ("add", "gen"): router_that_knows_no_added_row,
    ("forget", "gen"): router_that_knows_a_forgotten_row,
    ("rename", "gen"): router_that_knows_the_old_name,
    ("route", "routed"): stale_router,
    ("route", "gen"): router_with_an_old_table,
    ("peek", "alone"): killer_alone,
    ("peek", "park"): killer_parked,
    ("settle", "head"): stale_sender,
    ("settle", "clear"): outcome_clears_the_looks,
    ("due", "alone"): killer_retry_alone,
    ("due", "park"): killer_retry_parked,
    ("retried", "there"): stale_retry,
    ("retried", "clear"): retry_clears_the_looks,
    ("block", "since"): block_twice,
    ("block", "clear"): block_clears_the_looks,
    ("unblock", "clear"): unblock_clears_the_looks,
    ("unblock", "stood"): clock_stands,
    ("pause", "paused"): paused_is_not_ready,
    ("unpark", "there"): unpark_twice,
    ("drop", "there"): drop_twice,
    ("trim", "routed"): trim_before_the_router,
    ("push", "again"): push_twice,
    ("strike", "there"): strike_a_gap,
    ("seal", "sealed"): sealed_twice,
    ("digested", "number"): digested_twice,
    ("acquire", "holder"): lease_of_another,
    ("release", "holder"): release_of_another,
    ("claim", "lease"): claim_twice,
    ("swap", "before"): swapped_by_another,
}
