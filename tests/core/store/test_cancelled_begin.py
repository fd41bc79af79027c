"""Whoever is cancelled while a transaction begins leaves no transaction behind for the next caller."""

import asyncio

from sqlalchemy import text


async def test_a_caller_cancelled_at_the_beginning_leaves_the_connection_usable(database):
    async def look():
        async with database.read() as tx:
            await tx.execute(text("SELECT 1"))

    async def write():
        async with database.begin() as tx:
            await tx.execute(text("SELECT 1"))

    for turns in range(1, 25):
        for work in (look, write):
            task = asyncio.ensure_future(work())
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    for _ in range(8):
        await look()
        await write()
    async with database.begin() as tx:
        assert (await tx.execute(text("SELECT 1"))).scalar_one() == 1
