"""The router: reads once, matches, appends references; stale steps change nothing, holes are not skipped."""

import orjson
import pytest

from hub.pipeline.match import Matcher
from hub.pipeline.payloads import MissingPayload, Payloads
from hub.pipeline.route import MAX_REFS, Router, steps
from tests.factories.stages import NOW_MS, entry, event, record

TABLE = {"all": [{}], "rel": [{"code": ["quarantine.released"]}]}


async def publish(log, table=TABLE):
    await log.publish(orjson.dumps(table).decode(), sorted(table), now_ms=NOW_MS)


async def queue(log, name):
    return list((await log.peek(name, 1000, now_ms=NOW_MS)).refs)


@pytest.fixture
def woken():
    return []


@pytest.fixture
def router_of(log, woken):
    def make(archived=None):
        return Router(log, Payloads(log, archived), wake=lambda names: woken.append(sorted(names)))

    return make


def test_steps_hold_at_most_two_thousand_references_and_no_event_is_split():
    matcher = Matcher({f"c{n}": [{}] for n in range(300)})
    cut = list(steps([entry(n) for n in range(1, 21)], matcher))

    sizes = [sum(map(len, refs.values())) for _, refs in cut]
    assert max(sizes) <= MAX_REFS
    assert sum(sizes) == 20 * 300
    assert [to for to, _ in cut] == [6, 12, 18, 20]


def test_an_event_with_more_references_than_a_step_holds_stands_alone():
    matcher = Matcher({f"c{n}": [{}] for n in range(MAX_REFS + 1)})

    assert [to for to, _ in steps([entry(1), entry(2)], matcher)] == [1, 2]


def test_events_that_nobody_wants_are_a_step_without_references():
    assert list(steps([entry(1), entry(2)], Matcher({}))) == [(2, {})]


def test_no_events_are_no_step():
    assert list(steps([], Matcher({"all": [{}]}))) == []


async def test_references_go_to_those_that_match_and_those_are_woken(log, router_of, woken):
    await publish(log)
    await record(log, event(1), event(2, "quarantine.released"), event(3))

    assert await router_of().turn() == 3

    assert (await queue(log, "all"), await queue(log, "rel")) == ([1, 2, 3], [2])
    assert woken == [["all", "rel"]]


async def test_nothing_new_is_nothing_to_do(log, router_of):
    await publish(log)

    assert await router_of().turn() == 0


async def test_a_table_that_changed_meanwhile_makes_the_step_stale_and_the_next_one_right(log, router_of):
    await publish(log)
    router = router_of()
    await router.turn()
    await publish(log, {"rel": TABLE["rel"]})
    await record(log, event(1), event(2, "quarantine.released"))

    first, second = await router.turn(), await router.turn()

    assert (first, second) == (0, 2)
    assert (await queue(log, "all"), await queue(log, "rel")) == ([], [2])


async def test_two_routers_route_every_event_once(log, router_of):
    await publish(log)
    one, other = router_of(), router_of()
    for begin in range(1, 100, 10):
        await record(log, *(event(n) for n in range(begin, begin + 10)))
        await (one if begin % 20 == 1 else other).turn()
        await other.turn()
        await one.turn()

    assert await queue(log, "all") == list(range(1, 101))


async def test_a_gap_after_routed_means_that_somebody_else_went_on(log, router_of):
    await publish(log)
    slow, quick = router_of(), router_of()
    await record(log, event(1))
    await slow.turn()
    await record(log, event(2), event(3))
    await quick.turn()
    await log.trim(3)
    await record(log, event(4))

    turns = [await slow.turn(), await slow.turn()]

    assert turns == [0, 1]
    assert await queue(log, "all") == [1, 2, 3, 4]


async def test_what_the_log_lost_before_it_was_routed_comes_from_the_archive(log, redis, router_of):
    await publish(log)
    await record(log, *(event(n) for n in range(1, 6)))
    await redis.xtrim(log.keys.log, minid="4-0", approximate=False)

    async def archived(wanted):
        return {seq: entry(seq) for seq in wanted}

    router = router_of(archived)
    while await router.turn():
        pass

    assert await queue(log, "all") == [1, 2, 3, 4, 5]


async def test_what_is_nowhere_stops_the_router_and_nothing_is_skipped(log, redis, router_of):
    await publish(log)
    await record(log, *(event(n) for n in range(1, 4)))
    await redis.xtrim(log.keys.log, minid="3-0", approximate=False)

    with pytest.raises(MissingPayload):
        await router_of().turn()

    assert (await log.head()).routed == 0
