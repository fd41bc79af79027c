"""What a transaction committed is there after the process is killed, or the server."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from core.store.database import Database, Unavailable
from core.store.tables import counters, meta

_WRITER = """
import asyncio, sys
from sqlalchemy import insert
from core.store.database import Database
from core.store.tables import counters, meta

async def main():
    async with Database(sys.argv[1]) as database:
        for number in range(100_000):
            async with database.begin() as tx:
                await tx.execute(insert(meta).values(key=f"{sys.argv[2]}-{number}", value=""))
                await tx.execute(insert(counters).values(name=f"{sys.argv[2]}-{number}", value=number))
            print(f"{sys.argv[2]}-{number}", flush=True)

asyncio.run(main())
"""


async def killed(url: str, name: str, after: int) -> set[str]:
    """What a writer said that it had committed, until it was killed in mid-work."""
    root = str(Path(__file__).resolve().parents[3])
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITER, url, name,
        stdout=asyncio.subprocess.PIPE, cwd=root, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    assert child.stdout is not None
    said = b"".join([await child.stdout.readline() for _ in range(after)])
    child.send_signal(signal.SIGKILL)
    said += await child.stdout.read()
    await child.wait()
    return set(said.decode().split("\n")[:-1])


async def kept(database: Database) -> tuple[set[str], set[str]]:
    async with database.read() as tx:
        keys = set((await tx.execute(select(meta.c.key).where(meta.c.key.like("w%")))).scalars())
        names = set((await tx.execute(select(counters.c.name).where(counters.c.name.like("w%")))).scalars())
    return keys, names


@pytest.mark.slow
async def test_what_a_killed_process_had_committed_is_there_and_nothing_half(core_url):
    said = set()
    for number, after in enumerate((5, 30, 60)):
        said |= await killed(core_url, f"w{number}", after)
    async with Database(core_url) as database:
        keys, names = await kept(database)

    assert len(said) >= 95
    assert said <= keys
    assert keys == names
    assert len(keys - said) <= 3  # at most the transaction whose answer was lost with its process


@pytest.mark.integration
@pytest.mark.server("postgresql-15")
async def test_a_server_that_crashes_is_unavailable_and_comes_back_with_all_that_was_committed():
    from tests.servers.postgresql import PostgresProcess

    server = PostgresProcess()
    try:
        server.start()
        async with Database(server.create()) as database:
            async with database.begin() as tx:
                await tx.execute(insert(meta).values(key="w", value=""))
                await tx.execute(insert(counters).values(name="w", value=1))
            server.crash()
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await kept(database)
            server.start()

            assert await kept(database) == ({"w"}, {"w"})
    finally:
        server.stop()
