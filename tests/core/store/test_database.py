"""The database's promises, on SQLite and on a real PostgreSQL."""

import asyncio

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import DBAPIError

from core.store.database import Database, Unavailable
from core.store.tables import counters, meta


async def put(database, key, value="1"):
    async with database.begin() as tx:
        await tx.execute(insert(meta).values(key=key, value=value))


async def keys(database):
    async with database.read() as tx:
        return list((await tx.execute(select(meta.c.key).order_by(meta.c.key))).scalars())


async def test_what_was_written_is_there_after_a_restart(core_url):
    async with Database(core_url) as first:
        await put(first, "a")

    async with Database(core_url) as second:
        assert await keys(second) == ["a"]


async def test_a_failed_transaction_leaves_nothing(database):
    async def fail():
        async with database.begin() as tx:
            await tx.execute(insert(meta).values(key="a", value="1"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await fail()

    assert await keys(database) == []


async def test_a_closed_store_says_so(core_url):
    database = Database(core_url)
    await database.open()
    await database.close()

    with pytest.raises(RuntimeError, match="closed"):
        await keys(database)


async def test_writers_that_add_to_one_number_lose_nothing(database):
    async with database.begin() as tx:
        await tx.execute(insert(counters).values(name="n", value=0))

    async def add() -> None:
        async with database.begin() as tx:
            await tx.execute(update(counters).values(value=counters.c.value + 1))

    await asyncio.gather(*(add() for _ in range(50)))

    async with database.read() as tx:
        assert (await tx.execute(select(counters.c.value))).scalar_one() == 50


async def test_a_reader_sees_one_moment_while_a_writer_commits(database):
    async with database.read() as tx:
        before = (await tx.execute(select(func.count()).select_from(meta))).scalar_one()
        await put(database, "a")
        again = (await tx.execute(select(func.count()).select_from(meta))).scalar_one()

    assert (before, again) == (0, 0)
    assert await keys(database) == ["a"]


async def test_a_reader_is_not_held_up_by_an_open_transaction(database):
    async with database.begin() as tx:
        await tx.execute(insert(meta).values(key="a", value="1"))

        assert await asyncio.wait_for(keys(database), 20) == []


async def test_a_reader_may_not_write(database):
    with pytest.raises((DBAPIError, Unavailable), match=r"read-?only"):
        async with database.read() as tx:
            await tx.execute(insert(meta).values(key="a", value="1"))


async def test_writers_that_are_cancelled_leave_whole_transactions_and_a_working_store(database):
    async def two(number):
        async with database.begin() as tx:
            await tx.execute(insert(meta).values(key=f"{number}a", value="1"))
            await tx.execute(insert(meta).values(key=f"{number}b", value="1"))

    tasks = [asyncio.create_task(two(number)) for number in range(40)]
    for task in tasks:
        await asyncio.sleep(0.001)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await put(database, "z")

    found = await keys(database)
    assert found.pop() == "z"
    assert {key[:-1] for key in found if key.endswith("a")} == {
        key[:-1] for key in found if key.endswith("b")
    }


@pytest.mark.parametrize(("hostile", "kept"), [("a\x00b", "a\ufffdb"), ("ü\x00\ud800", "ü\ufffd\ufffd")])
async def test_text_that_no_database_takes_is_kept_readable(database, hostile, kept):
    await put(database, "k", hostile)

    async with database.read() as tx:
        assert (await tx.execute(select(meta.c.value))).scalar_one() == kept


async def test_text_sorts_by_code_point(database):
    words = ["b", "B", "a-b", "ab", "a", "é", "_"]
    for word in words:
        await put(database, word)

    assert await keys(database) == sorted(words)


async def test_an_error_does_not_tell_the_values(database):
    await put(database, "same", "swordfish")
    with pytest.raises(DBAPIError) as refused:
        await put(database, "same", "swordfish")

    assert "swordfish" not in str(refused.value)
