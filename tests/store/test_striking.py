"""References to given events leave a row from wherever they stand; a sender that holds them is refused."""

import orjson
import pytest

from hub.store.base import Fate, Stale, Tally
from tests.factories.valkey import events

NOW = 1_700_000_000_000
UID = "00" * 16


async def routed(log, count, refs=None):
    """`count` events recorded, all of them (or `refs`) in the queue of `a`."""
    for first in range(1, count + 1, 200):
        await log.record(events(*range(first, min(first + 200, count + 1))), now_ms=NOW)
    gen = await log.publish('{"a":[{}]}', ["a"], now_ms=NOW)
    for first in range(0, count, 2000):
        last = min(first + 2000, count)
        mine = [seq for seq in (refs or range(1, count + 1)) if first < seq <= last]
        await log.route(first, last, gen, {"a": mine})


async def book(log):
    (found,) = await log.books()
    return found


async def queue(log, n=5000):
    return list((await log.peek("a", n, now_ms=NOW)).refs)


async def test_only_the_wanted_ones_leave_the_middle_of_the_queue(log):
    await routed(log, 900)

    struck = await log.strike("a", lambda seq: seq % 3 == 0, "erased")

    assert struck == 300
    assert await queue(log) == [seq for seq in range(1, 901) if seq % 3]
    assert (await book(log)).dropped_by == {"erased": 300}
    assert (await book(log)).balanced


async def test_a_thin_queue_is_searched_by_value(log):
    refs = [5, 6, 250, 251, 700, 899]
    await routed(log, 900, refs)

    struck = await log.strike("a", {6, 7, 250, 699, 700, 900}.__contains__, "erased")

    assert struck == 3
    assert await queue(log) == [5, 251, 899]


async def test_retries_and_parked_events_go_too(log):
    await routed(log, 5)
    fates = [Fate("retry", "503", 10_000), Fate("parked", "400"), Fate("delivered")]
    await log.settle("a", [1, 2, 3], fates, [UID] * 3, now_ms=NOW)

    struck = await log.strike("a", {1, 2, 3, 4}.__contains__, "erased")

    found = await book(log)
    assert struck == 3
    assert (found.retrying, found.parked, found.delivered, found.queued, found.balanced) == (0, 0, 1, 1, True)
    assert (await log.fates(2))["a"] == "dropped: erased"


async def test_a_sender_that_holds_a_struck_reference_is_refused(log):
    await routed(log, 4)
    held = list((await log.peek("a", 4, now_ms=NOW)).refs)

    await log.strike("a", {2}.__contains__, "erased")

    try:
        await log.settle("a", held, [Fate("delivered")] * 4, [UID] * 4, now_ms=NOW)
    except Stale:
        refused = True
    assert refused
    assert await queue(log) == [1, 3, 4]


async def test_what_a_sender_settles_meanwhile_hides_nothing(log):
    """Pages go by value: a queue whose head moves is not read past what it still holds."""
    await routed(log, 12_000)
    looked = []

    def wanted(seq):
        looked.append(seq)
        return seq > 11_990

    page, run = 0, log._run

    async def settling(name, keys, *args):
        nonlocal page
        answer = await run(name, keys, *args)
        if name == "queued" and (page := page + 1) == 1:
            refs = list(range(1, 3001))
            await log.settle("a", refs, [Fate("delivered")] * 3000, [UID] * 3000, now_ms=NOW)
        return answer

    log._run = settling
    struck = await log.strike("a", wanted, "erased")

    assert struck == 10
    assert set(looked) == set(range(1, 12_001))


async def test_a_row_that_is_not_there_has_nothing(log):
    assert await log.strike("nobody", lambda seq: True, "erased") == 0


@pytest.mark.slow
async def test_the_server_is_never_held_up_for_long(log, redis):
    """A queue of a million, a call's references spread over it: the worst there is."""
    await routed(log, 1)
    async with redis.pipeline(transaction=False) as pipe:
        for first in range(2, 1_000_001, 5000):
            pipe.rpush(log.keys.queue("a"), *range(first, first + 5000))
        pipe.hset(log.keys.row("a"), "matched", 1_000_001)
        await pipe.execute()
    await redis.config_resetstat()

    struck = await log.strike("a", lambda seq: seq % 4000 == 0, "erased")

    stats = await redis.info("commandstats")
    evals = stats["cmdstat_evalsha"]["usec"] + stats.get("cmdstat_eval", {}).get("usec", 0)
    calls = stats["cmdstat_evalsha"]["calls"]
    assert struck == 250
    assert evals / calls < 40_000
    assert (await book(log)).dropped == 250


async def test_a_sources_cursors_are_forgotten_and_others_stay(log):
    from hub.store.base import CursorMove

    for stream in ("mg/audit", "mg/audit/lookback", "mgx/audit"):
        await log.record([], CursorMove(stream, None, "c"), now_ms=NOW)

    assert await log.forget_cursors("mg") == 2
    assert set(await log.cursors()) == {"mgx/audit"}


async def test_a_tenant_is_closed_until_it_is_reopened(state):
    await state.close_tenant("acme")
    await state.close_tenant("acme")

    assert await state.closed_tenants() == {"acme"}
    assert await state.reopen_tenant("acme") is True
    assert await state.reopen_tenant("acme") is False
    assert await state.closed_tenants() == frozenset()


def tally(key, tenant, n):
    about = orjson.dumps({"tenant": tenant, "kind": "quarantine.added", "sender": f"x@{tenant}.example"})
    return Tally(
        key=key, n=n, due_ms=NOW, first_ms=NOW, last_ms=NOW, severity=3, about=about.decode(), parts={"a": n}
    )


async def told(log, *tallies, refs=1):
    await routed(log, 10)
    fates = [Fate("delivered")] * refs
    await log.settle("a", list(range(1, refs + 1)), fates, [UID] * refs, tallies=tallies, now_ms=NOW)


async def test_storms_of_one_tenant_are_not_told_of_any_more(log, redis):
    await told(log, tally("storm:1", "acme", 4), tally("storm:2", "globex", 5), refs=9)

    assert await log.untell("a", "acme") == 4
    assert b"acme" not in b"".join((await redis.hgetall(log.keys.tally("a"))).values())
    (row,) = await log.rows(now_ms=NOW)
    assert row.tallied == 5
    assert (await log.seal("a", now_ms=NOW + 1)).n == 5


async def test_a_digest_on_its_way_that_is_about_one_tenant_alone_ends(log, redis):
    await told(log, tally("storm:1", "acme", 4), refs=4)
    digest = await log.seal("a", now_ms=NOW + 1)

    assert await log.untell("a", "acme") == 4
    assert await log.seal("a", now_ms=NOW + 2) is None
    assert await log.digested("a", digest.number, Fate("delivered"), now_ms=NOW + 3) is False
    (row,) = await log.rows(now_ms=NOW)
    assert row.tallied == 0


async def test_nothing_of_other_tenants_is_touched(log):
    await told(log, tally("storm:2", "globex", 5), refs=5)

    assert await log.untell("a", "acme") == 0
    assert await log.untell("nobody", "acme") == 0
    assert (await log.seal("a", now_ms=NOW + 1)).n == 5
