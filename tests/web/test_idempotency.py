import asyncio

import pytest

from hub.web.errors import Conflict
from hub.web.idempotency import MemoryIdempotency, Saved
from tests.web.conftest import AUTH, made


async def test_the_same_request_with_a_key_is_done_once(client):
    headers = {**AUTH, "Idempotency-Key": "k1"}
    first = await client.post("/api/v1/things", json={"name": "a"}, headers=headers)
    second = await client.post("/api/v1/things", json={"name": "a"}, headers=headers)

    assert (first.status, second.status) == (201, 201)
    assert await first.read() == await second.read()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert made == ["a"]


async def test_without_a_key_each_request_counts(client):
    for _ in range(2):
        await client.post("/api/v1/things", json={"name": "a"}, headers=AUTH)

    assert made == ["a", "a"]


async def test_a_key_cannot_be_used_for_another_request(client):
    headers = {**AUTH, "Idempotency-Key": "k1"}
    await client.post("/api/v1/things", json={"name": "a"}, headers=headers)
    other = await client.post("/api/v1/things", json={"name": "b"}, headers=headers)

    assert other.status == 409
    assert made == ["a"]


async def test_a_failed_request_leaves_its_key_free(client):
    headers = {**AUTH, "Idempotency-Key": "k1"}
    failed = await client.post("/api/v1/things", json={"name": "taken"}, headers=headers)
    done = await client.post("/api/v1/things", json={"name": "free"}, headers=headers)

    assert (failed.status, done.status) == (409, 201)


async def test_an_endless_key_is_refused(client):
    headers = {**AUTH, "Idempotency-Key": "k" * 201}
    answer = await client.post("/api/v1/things", json={"name": "a"}, headers=headers)

    assert answer.status == 400


async def test_a_running_request_holds_its_key():
    store = MemoryIdempotency()
    assert await store.begin("k", "f") is None

    with pytest.raises(Conflict, match="still running"):
        await store.begin("k", "f")


async def test_an_old_key_is_forgotten():
    now = [0.0]
    store = MemoryIdempotency(keep_s=10, clock=lambda: now[0])
    await store.begin("k", "f")
    await store.finish("k", Saved(201, b"x"))
    now[0] = 11.0

    assert await store.begin("k", "other") is None


async def test_the_store_is_bounded():
    store = MemoryIdempotency(entries=3)
    await asyncio.gather(*(store.begin(str(number), "f") for number in range(50)))

    assert len(store._kept) <= 3
