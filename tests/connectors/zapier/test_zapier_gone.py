"""A hook that was removed, as a story: the queue waits for a new address, or is given up."""

import pytest

from hub.sdk.testing import Reply, StrictServer
from tests.factories.conformance import come_true, config_of, fresh, ids, pipeline, record
from tests.factories.valkey import log, log_server, redis
from tests.factories.zapier import PlayedZapier

__all__ = ["log", "log_server", "redis"]
NOW_MS = 1_777_620_133_000
DAY_MS = 86_400_000


@pytest.fixture
async def removed():
    async with StrictServer() as server:
        played = PlayedZapier(server)
        played.always = Reply(status=410)
        yield played


async def blocked_books(log, removed, batch):
    await record(log, batch, ["zap"])
    async with pipeline(log, {"zap": config_of("zapier", removed)}):
        books = await come_true(log, lambda books: books["zap"].blocked is not None)
    return books["zap"]


async def test_the_queue_waits_and_the_hook_is_left_alone_for_a_day(log, removed):
    book = await blocked_books(log, removed, [fresh(n) for n in range(1, 31)])

    (row,) = await log.rows(now_ms=NOW_MS, name="zap")
    assert (book.pending, book.parked, book.dropped, book.balanced) == (30, 0, 0, True)
    assert "gone" in book.blocked
    assert "forget" in book.blocked
    assert len(removed.server.received) == 1
    assert row.probe_at_ms - row.since_ms >= DAY_MS - 1000


async def test_a_new_address_gets_what_waited_in_its_order(log, removed):
    batch = [fresh(n) for n in range(1, 31)]
    await blocked_books(log, removed, batch)
    async with StrictServer() as server:
        other = PlayedZapier(server)
        await log.resume(
            "zap", now_ms=NOW_MS
        )  # what a changed configuration does, and `mxhub connectors resume`

        async with pipeline(log, {"zap": config_of("zapier", other)}):
            books = await come_true(log, lambda books: books["zap"].pending == 0)

        assert [run["event_id"] for run in other.runs] == ids(batch)
    assert (books["zap"].delivered, books["zap"].parked, books["zap"].blocked) == (30, 0, None)


async def test_forgetting_it_ends_the_queue(log, removed):
    await blocked_books(log, removed, [fresh(1)])

    await log.forget("zap")

    assert "zap" not in {book.connector for book in await log.books()}
