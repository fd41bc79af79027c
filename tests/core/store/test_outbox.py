from core.store import feed, outbox
from tests.factories.core import NOW_MS, emitted


async def emit(tx, count=1, name="quarantine.added"):
    return [await outbox.emit(tx, name, "node-1", NOW_MS, {"n": number}) for number in range(count)]


async def test_events_stand_in_the_order_in_which_they_happened(tx):
    ids = await emit(tx, 3)

    assert [event.id for event in await emitted(tx)] == ids
    assert [event.seq for event in await emitted(tx)] == [1, 2, 3]
    assert all(event_id.startswith("evt_") for event_id in ids)


async def test_events_of_one_change_follow_each_other(tx):
    ids = await outbox.emit_many(
        tx, [("a", {"domain": "x.example"}), ("", {})], "node-1", NOW_MS, actions=["", "b"]
    )
    first, second = await feed.after(tx, 0, 10)

    assert [first.id, second.id] == ids
    assert (first.name, first.domain, second.name, second.action) == ("a", "x.example", "", "b")


async def test_no_events_are_no_statement(tx):
    assert await outbox.emit_many(tx, [], "node-1", NOW_MS) == []
    assert await feed.top(tx) == 0


async def test_numbers_are_not_used_again_after_old_events_went(tx):
    await emit(tx, 3)
    gone = await feed.prune(tx, before_ms=NOW_MS + 1, passed=3)
    (new,) = await emit(tx)

    assert gone == 2
    assert [(event.seq, event.id) for event in await feed.after(tx, 3, 10)] == [(4, new)]
