"""Route tables, rows and the router's step on a real server."""

import pytest
from redis.asyncio import Redis

from hub.store.base import Stale
from hub.store.log import RedisLog
from hub.store.routing import MAX_REFERENCES
from tests.factories.valkey import events

NOW = 1_700_000_000_000


async def _recorded(log: RedisLog, count: int) -> None:
    for at in range(0, count, 200):
        await log.record(events(*range(at, min(at + 200, count))), now_ms=NOW)


# -- tables --------------------------------------------------------------------------------------------------
async def test_an_empty_log_has_no_table(log: RedisLog):
    assert await log.table() == (0, "")
    assert await log.tables() == []


async def test_publish_stores_the_text_and_makes_the_rows(log: RedisLog):
    gen = await log.publish('{"a":[{}]}', ["b"], now_ms=NOW)

    assert await log.table() == (gen, '{"a":[{}]}')
    assert [book.connector for book in await log.books()] == ["a", "b"]


async def test_publishing_the_same_again_changes_nothing(log: RedisLog):
    first = await log.publish('{"a":[{}]}', ["a"], now_ms=NOW)

    assert await log.publish('{"a":[{}]}', ["a"], now_ms=NOW) == first


async def test_a_new_connector_without_a_route_raises_gen(log: RedisLog):
    first = await log.publish("{}", ["a"], now_ms=NOW)

    assert await log.publish("{}", ["a", "b"], now_ms=NOW) == first + 1


async def test_a_text_that_is_no_table_is_kept_as_it_is(log: RedisLog):
    await log.publish("anything", [], now_ms=NOW)

    assert (await log.table())[1] == "anything"


async def test_a_connector_that_is_not_named_any_more_keeps_its_row(log: RedisLog):
    await log.publish('{"a":[{}]}', ["a"], now_ms=NOW)
    await log.publish('{"b":[{}]}', ["b"], now_ms=NOW)

    assert [book.connector for book in await log.books()] == ["a", "b"]


async def test_tables_tell_from_which_seq_each_was_in_force(log: RedisLog):
    await _recorded(log, 10)
    first = await log.publish('{"a":[{}]}', [], now_ms=NOW)
    await log.route(0, 4, first, {})
    await log.publish('{"a":[]}', [], now_ms=NOW)
    last = await log.publish('{"b":[]}', [], now_ms=NOW)

    assert await log.tables() == [(first, 1, '{"a":[{}]}'), (last, 5, '{"b":[]}')]


async def test_old_tables_are_pruned(log: RedisLog):
    await _recorded(log, 210)
    for seq in range(1, 211):
        gen = await log.publish(f'{{"a":[{seq}]}}', [], now_ms=NOW)
        await log.route(seq - 1, seq, gen, {})

    tables = await log.tables()
    assert len(tables) == 200
    assert tables[-1][1] == 210


async def test_a_replay_cannot_be_published_as_a_connector(log: RedisLog):
    with pytest.raises(ValueError, match="replay"):
        await log.publish("{}", ["a@job"], now_ms=NOW)


@pytest.mark.parametrize("name", ["", "a:q", "a b", "{a}", "a\n", "x" * 201])
async def test_a_name_that_could_be_another_key_is_refused(log: RedisLog, name: str):
    with pytest.raises(ValueError, match="the name"):
        await log.add(name, now_ms=NOW)


# -- routing -------------------------------------------------------------------------------------------------
async def test_route_pushes_references_in_order_and_moves_on(log: RedisLog):
    await _recorded(log, 5)
    gen = await log.publish("{}", ["a", "b"], now_ms=NOW)

    await log.route(0, 5, gen, {"a": [1, 3, 5], "b": []})

    assert (await log.peek("a", 10, now_ms=NOW)).refs == (1, 3, 5)
    assert (await log.head()).routed == 5
    assert await log.ready(NOW) == ["a"]


async def test_two_thousand_references_to_one_connector_are_one_step(log: RedisLog):
    await _recorded(log, 2_000)
    gen = await log.publish("{}", ["a"], now_ms=NOW)

    await log.route(0, 2_000, gen, {"a": range(1, 2_001)})

    (row,) = await log.rows(now_ms=NOW)
    assert (row.queued, row.head_seq) == (2_000, 1)
    with pytest.raises(ValueError, match=str(MAX_REFERENCES)):
        await log.route(2_000, 4_001, gen, {"a": range(2_001, 4_002)})


async def test_a_thousand_connectors_are_one_step(log: RedisLog):
    await _recorded(log, 2)
    names = [f"c{n}" for n in range(1_000)]
    gen = await log.publish("{}", names, now_ms=NOW)

    await log.route(0, 2, gen, {name: [1, 2] for name in names})

    assert {book.queued for book in await log.books()} == {2}
    assert len(await log.ready(NOW, 2_000)) == 1_000


@pytest.mark.parametrize(("frm", "gen"), [(1, 1), (0, 0), (0, 2)])
async def test_a_stale_router_is_refused(log: RedisLog, frm: int, gen: int):
    await _recorded(log, 5)
    await log.publish("{}", ["a"], now_ms=NOW)

    with pytest.raises(Stale):
        await log.route(frm, 5, gen, {"a": [2]})

    assert (await log.head()).routed == 0


@pytest.mark.parametrize(
    "refs", [{"a": [2, 1]}, {"a": [1, 1]}, {"a": [0]}, {"a": [6]}, {"a": [1], "nobody": [1]}, {"a@j": [1]}]
)
async def test_a_wrong_reference_writes_nothing_at_all(log: RedisLog, refs: dict[str, list[int]]):
    await _recorded(log, 8)
    gen = await log.publish("{}", ["a", "b"], now_ms=NOW)
    await log.add("a@j", now_ms=NOW)

    with pytest.raises(ValueError, match="refused by the log"):
        await log.route(0, 5, gen, {"b": [1], **refs})

    assert (await log.head()).routed == 0
    assert sum(book.matched for book in await log.books()) == 0


@pytest.mark.parametrize(("frm", "to"), [(0, 0), (0, 9), (-1, 3)])
async def test_a_step_past_the_log_or_backwards_is_refused(log: RedisLog, frm: int, to: int):
    await _recorded(log, 5)
    gen = await log.publish("{}", [], now_ms=NOW)

    with pytest.raises(ValueError, match="refused by the log"):
        await log.route(frm, to, gen, {})


# -- rows ----------------------------------------------------------------------------------------------------
async def test_a_row_starts_where_the_router_is(log: RedisLog):
    await _recorded(log, 5)
    gen = await log.publish("{}", [], now_ms=NOW)
    await log.route(0, 3, gen, {})

    await log.add("late", now_ms=NOW)
    await log.add("late", now_ms=NOW)

    (book,) = await log.books()
    assert (book.recorded, book.filtered, book.pending) == (2, 0, 2)
    assert (await log.head()).gen == gen + 1


async def test_forget_removes_every_key_of_the_row_and_its_replays(log: RedisLog, redis: Redis):
    await _recorded(log, 3)
    gen = await log.publish('{"a":[{}],"b":[{}]}', [], now_ms=NOW)
    await log.route(0, 3, gen, {"a": [1, 2, 3]})
    await log.push("a@job", [1], now_ms=NOW)
    await log.acquire("a", "me", 60_000)

    await log.forget("a")
    await log.forget("a")

    assert await log.table() == (gen + 1, '{"b":[{}]}')
    assert [book.connector for book in await log.books()] == ["b"]
    assert [key async for key in redis.scan_iter(match=log.keys.row_prefix + "a*")] == []
    assert await log.ready(NOW) == []


async def test_rename_takes_all_along_in_one_step(log: RedisLog):
    await _recorded(log, 6)
    gen = await log.publish('{"b":[],"a":[{}]}', [], now_ms=NOW)
    await log.route(0, 4, gen, {"a": [1, 2, 3, 4]})
    await log.publish('{"a":[{"x":[1]}]}', [], now_ms=NOW)
    await log.push("a@job", [1], now_ms=NOW)

    await log.rename("a", "z")
    await log.rename("a", "z")

    assert [text for _, _, text in await log.tables()] == ['{"b":[],"z":[{}]}', '{"z":[{"x":[1]}]}']
    assert {book.connector: book.queued for book in await log.books()} == {"b": 0, "z": 4, "z@job": 1}
    assert sorted(await log.ready(NOW)) == ["z", "z@job"]
    assert (await log.head()).gen == gen + 2


async def test_rename_refuses_what_it_would_overwrite_or_cannot_find(log: RedisLog):
    await log.publish("{}", ["a", "b"], now_ms=NOW)

    with pytest.raises(ValueError, match="there is a row named b"):
        await log.rename("a", "b")
    with pytest.raises(Stale, match="no row"):
        await log.rename("nobody", "c")
    with pytest.raises(ValueError, match="rename its connector"):
        await log.rename("a@job", "c")
