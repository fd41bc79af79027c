"""Digests in the log: what is counted, sealed, told of, and what is refused."""

from dataclasses import replace

import orjson
import pytest

from hub.store.base import Fate
from hub.store.log import RedisLog
from tests.factories.tally_model import tally
from tests.factories.valkey import events

NOW = 1_777_620_133_000
STALE, DELIVERED = Fate("dropped", "stale"), Fate("delivered")


async def queued(log: RedisLog, n: int = 4) -> None:
    await log.publish(orjson.dumps({"a": [{}]}).decode(), ["a"], now_ms=NOW)
    for at in range(1, n + 1, 200):
        await log.record(events(*range(at, min(at + 200, n + 1))), now_ms=NOW)
    await log.route(0, n, (await log.table())[0], {"a": list(range(1, n + 1))})


async def counted(log: RedisLog, *tallies) -> None:
    n = sum(one.n for one in tallies)
    refs = list(range(1, n + 1))
    await log.settle("a", refs, [STALE] * n, ["ab"] * n, now_ms=NOW, tallies=tallies)


async def row(log: RedisLog, name: str = "a"):
    return (await log.rows(now_ms=NOW, name=name))[0]


async def test_a_row_with_a_digest_due_is_ready_without_a_queue(log):
    await queued(log, 2)
    await counted(log, tally("stale", 2, due_ms=NOW + 500))

    assert await log.ready(NOW + 499) == []
    assert await log.ready(NOW + 500) == ["a"]


async def test_nothing_is_sealed_before_it_is_due(log):
    await queued(log, 2)
    await counted(log, tally("stale", 2, due_ms=NOW + 500))

    assert await log.seal("a", now_ms=NOW + 499) is None
    digest = await log.seal("a", now_ms=NOW + 500)
    assert (digest.n, digest.number, digest.key, digest.about) == (2, 1, "stale", ("stale 2",))


async def test_what_is_counted_after_the_seal_goes_into_the_next_digest(log):
    await queued(log, 3)
    await counted(log, tally("stale", 2, due_ms=NOW))
    first = await log.seal("a", now_ms=NOW)
    await log.settle("a", [3], [STALE], ["ab"], now_ms=NOW, tallies=[tally("stale", due_ms=NOW)])

    assert await log.seal("a", now_ms=NOW + 60_000) == first
    assert await log.digested("a", first.number, DELIVERED, now_ms=NOW)
    assert (await log.seal("a", now_ms=NOW)).n == 1


async def test_the_digest_on_its_way_is_told_the_same_after_a_rename(log):
    await queued(log, 2)
    await counted(log, tally("stale", 2, due_ms=NOW))
    digest = await log.seal("a", now_ms=NOW)

    await log.rename("a", "b")

    assert await log.seal("b", now_ms=NOW) == digest
    assert await log.ready(NOW) == ["b"]


async def test_a_forgotten_row_leaves_no_tally(log, redis):
    await queued(log, 2)
    await counted(log, tally("stale", 2, due_ms=NOW))
    await log.forget("a")

    assert not [key for key in await redis.keys("*") if b":c:a" in key]


async def test_a_paused_row_keeps_its_digest_to_itself(log):
    await queued(log, 2)
    await counted(log, tally("stale", 2, due_ms=NOW))
    await log.pause("a", now_ms=NOW)

    assert await log.seal("a", now_ms=NOW) is None
    await log.resume("a", now_ms=NOW)
    assert (await log.seal("a", now_ms=NOW)).n == 2


async def test_a_refused_digest_is_counted_as_untold(log):
    await queued(log, 3)
    await counted(log, tally("stale", 3, due_ms=NOW))
    digest = await log.seal("a", now_ms=NOW)
    await log.digested("a", digest.number, Fate("dropped", "400 invalid_blocks"), now_ms=NOW)

    found = await row(log)
    assert (found.tallied, found.told, found.untold) == (0, 0, 3)
    assert await log.ready(NOW + 10_000) == []


async def test_a_digest_that_is_tried_later_counts_its_attempts(log):
    await queued(log, 1)
    await counted(log, tally("stale", due_ms=NOW))
    digest = await log.seal("a", now_ms=NOW)
    await log.digested("a", digest.number, Fate("retry", "429", 700), now_ms=NOW)

    assert await log.seal("a", now_ms=NOW + 699) is None
    assert (await log.seal("a", now_ms=NOW + 700)).attempts == 1


@pytest.mark.parametrize(("storms", "digests"), [(5, [1, 1, 1, 1, 1]), (6, [6])])
async def test_many_storms_at_once_become_one_digest(log, storms, digests):
    await queued(log, storms)
    await counted(log, *(tally(f"storm:{n}", due_ms=NOW, label=f"l{n}") for n in range(storms)))

    found = []
    while digest := await log.seal("a", now_ms=NOW):
        found.append(digest)
        await log.digested("a", digest.number, DELIVERED, now_ms=NOW)

    assert [digest.tallies for digest in found] == digests
    assert sum(digest.n for digest in found) == sum(sum(d.parts.values()) for d in found) == storms
    assert all(len(digest.about) <= 5 for digest in found)


async def test_labels_beyond_twenty_are_counted_as_others(log):
    await queued(log, 30)
    await counted(log, *(tally("stale", due_ms=NOW, label=f"l{n}") for n in range(30)))

    parts = (await log.seal("a", now_ms=NOW)).parts
    assert len(parts) == 21
    assert (parts["others"], sum(parts.values())) == (10, 30)


async def test_beyond_two_hundred_open_storms_the_rest_is_counted_as_others(log, redis):
    await queued(log, 300)
    await counted(log, *(tally(f"storm:{n:03}", due_ms=NOW, label="x") for n in range(300)))

    assert await redis.hlen(log.keys.tally("a")) == 201
    digest = await log.seal("a", now_ms=NOW)
    assert (digest.n, digest.tallies, (await row(log)).tallied) == (300, 201, 300)


async def test_what_is_counted_as_others_names_nobody_and_stays_when_one_is_erased(log):
    await queued(log, 201)
    about = [tally(f"storm:{n:03}", due_ms=NOW + n) for n in range(201)]
    await counted(log, *(replace(one, about='{"tenant":"acme"}') for one in about))

    assert await log.untell("a", "acme") == 200
    left = await log.seal("a", now_ms=NOW + 1000)
    assert (left.key, left.n, left.about) == ("storm:others", 1, ("{}",))


GOOD = {"key": "k", "about": "", "n": 1, "due": 1, "first": 1, "last": 1, "severity": 1, "parts": {"x": 1}}


@pytest.mark.parametrize(
    "wrong",
    [{"n": 0}, {"n": 1.5},
     {"n": "1"}, {"due": 1e15}, {"first": -1}, {"severity": None}, {"key": 1}, {"about": None},
     {"parts": {"x": "many"}}, {"parts": {"x": 0}}, {"parts": "x"}],
    ids=str,
)  # fmt: skip
async def test_a_tally_with_a_wrong_value_refuses_the_whole_settle(log, monkeypatch, wrong):
    await _refused(log, monkeypatch, orjson.dumps(GOOD | wrong))


@pytest.mark.parametrize("bad", [b"", b"[]", b"{", b"7", b"null", b"{}"])
async def test_what_is_no_tally_refuses_the_whole_settle(log, monkeypatch, bad):
    await _refused(log, monkeypatch, bad)


async def _refused(log, monkeypatch, raw):
    await queued(log, 1)
    monkeypatch.setattr("hub.store.queues.packed", lambda _: raw)

    with pytest.raises(ValueError, match="refused by the log"):
        await counted(log, tally("stale", due_ms=NOW))

    assert (await log.peek("a", 10, now_ms=NOW)).refs == (1,)
    assert (await row(log)).tallied == 0


async def test_more_cannot_be_tallied_than_is_settled(log):
    await queued(log, 2)

    with pytest.raises(ValueError, match="more tallied than settled"):
        await log.settle("a", [1], [STALE], ["ab"], now_ms=NOW, tallies=[tally("stale", 2, due_ms=NOW)])

    assert (await log.peek("a", 10, now_ms=NOW)).refs == (1, 2)


async def test_a_stranger_s_text_comes_back_as_it_can_be_written(log):
    await queued(log, 1)
    await counted(log, tally("storm:x", due_ms=NOW, label="\ud800\x00</b>"))

    assert (await log.seal("a", now_ms=NOW)).parts == {"?\x00</b>": 1}


async def test_only_a_fate_that_ends_or_postpones_a_digest_is_taken(log):
    with pytest.raises(ValueError, match="not parked"):
        await log.digested("a", 1, Fate("parked", "x"), now_ms=NOW)
