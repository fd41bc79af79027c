import asyncio

import pytest
from sqlalchemy import select

from core.service.idempotency import SqlIdempotency
from core.store.clock import DAY_MS, HOUR_MS
from core.store.tables import idempotency_keys
from hub.web.errors import Conflict
from hub.web.idempotency import Saved, Slot
from tests.factories.core import FakeClock

SECRET = b"a secret of the service, for tests only"
SLOT = Slot("acme", "key k1", "POST /api/v1/keys", "order-1")
ANSWER = Saved(201, b'{"key":"mfk_live_told_once"}')


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def store(database, clock):
    return SqlIdempotency(database, SECRET, node_id="node-1", clock=clock)


async def rows(database):
    async with database.read() as tx:
        return (await tx.execute(select(idempotency_keys))).mappings().all()


async def test_an_answer_is_given_again_by_another_process(database, store, clock):
    other = SqlIdempotency(database, SECRET, node_id="node-2", clock=clock)
    assert await store.begin(SLOT, "f") is None
    await store.finish(SLOT, ANSWER)

    assert await other.begin(SLOT, "f") == ANSWER


async def test_a_key_of_another_caller_or_request_is_another_key(store):
    await store.begin(SLOT, "f")
    others = [
        Slot("other", "key k1", SLOT.request, SLOT.given),
        Slot("acme", "key k2", SLOT.request, SLOT.given),
        Slot("acme", "key k1", "POST /api/v1/domains", SLOT.given),
        Slot("acme", "key k1", SLOT.request, "order-2"),
    ]

    assert [await store.begin(other, "f") for other in others] == [None] * 4


async def test_a_key_cannot_be_used_for_another_request(store):
    await store.begin(SLOT, "f")
    await store.finish(SLOT, ANSWER)

    with pytest.raises(Conflict, match="different request"):
        await store.begin(SLOT, "g")


async def test_of_many_at_once_one_does_the_work(store):
    found = await asyncio.gather(*(store.begin(SLOT, "f") for _ in range(8)), return_exceptions=True)

    assert sum(one is None for one in found) == 1
    assert sum(isinstance(one, Conflict) for one in found) == 7


async def test_a_request_that_failed_leaves_its_key_free(store):
    await store.begin(SLOT, "f")
    await store.abandon(SLOT)

    assert await store.begin(SLOT, "f") is None


async def test_an_answer_that_was_kept_is_not_abandoned(store):
    await store.begin(SLOT, "f")
    await store.finish(SLOT, ANSWER)
    await store.abandon(SLOT)

    assert await store.begin(SLOT, "f") == ANSWER


async def test_what_a_node_was_at_when_it_ended_may_be_tried_again(store, database, clock):
    other = SqlIdempotency(database, SECRET, node_id="node-2", clock=clock)
    await store.begin(SLOT, "f")
    await other.restart()
    with pytest.raises(Conflict, match="still running"):
        await store.begin(SLOT, "f")
    await store.restart()

    assert await store.begin(SLOT, "f") is None


async def test_a_node_that_never_came_back_holds_its_key_for_half_an_hour(store, clock):
    await store.begin(SLOT, "f")
    clock.now_ms += HOUR_MS // 2

    assert await store.begin(SLOT, "f") is None


async def test_after_a_day_it_is_forgotten_and_removed(store, database, clock):
    await store.begin(SLOT, "f")
    await store.finish(SLOT, ANSWER)
    clock.now_ms += DAY_MS
    other = Slot("acme", "key k1", "POST /api/v1/keys", "order-2")

    assert await store.begin(other, "f") is None
    assert len(await rows(database)) == 1
    assert await store.begin(SLOT, "another") is None


async def test_neither_the_key_nor_the_answer_stands_in_the_database(store, database):
    await store.begin(SLOT, "f")
    await store.finish(SLOT, ANSWER)
    row = (await rows(database))[0]
    said = b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())

    assert b"order-1" not in said
    assert b"told_once" not in said


async def test_an_answer_sealed_by_another_secret_is_a_conflict(store, database, clock):
    await store.begin(SLOT, "f")
    await store.finish(SLOT, ANSWER)
    row = (await rows(database))[0]
    async with database.begin() as tx:
        await tx.execute(idempotency_keys.update().values(body=row["body"][:-1] + b"x"))

    with pytest.raises(Conflict, match="cannot be read"):
        await store.begin(SLOT, "f")
