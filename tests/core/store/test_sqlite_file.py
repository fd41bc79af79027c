"""What is particular to a store in a file."""

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import insert, text

from core.store.database import Database, InUse, Unavailable, sqlite_url
from core.store.tables import meta


async def test_a_second_owner_is_refused_until_the_first_is_gone(tmp_path):
    url = sqlite_url(tmp_path / "core.sqlite3")
    first, second = Database(url, exclusive=True), Database(url, exclusive=True)
    await first.open()
    with pytest.raises(InUse, match="in use by another process"):
        await second.open()
    await first.close()

    await second.open()
    await second.close()


@pytest.mark.parametrize("way", ["begin", "read"])
async def test_commits_are_on_disk_before_they_return(tmp_path, way):
    async with Database(sqlite_url(tmp_path / "core.sqlite3")) as database, getattr(database, way)() as tx:
        found = [
            (await tx.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous")
        ]

    assert found == ["wal", 2]


async def test_the_file_and_its_companions_are_private_whatever_the_path_holds(tmp_path):
    path = tmp_path / "a?b#c%20d.sqlite3"
    async with Database(sqlite_url(path)) as database:
        async with database.begin() as tx:
            await tx.execute(insert(meta).values(key="a", value="1"))
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}

    assert modes == {f"{path.name}{ending}": 0o600 for ending in ("", "-wal", "-shm")}


async def test_two_processes_may_share_a_file_and_neither_loses_a_row(tmp_path):
    url = sqlite_url(tmp_path / "core.sqlite3")
    async with Database(url) as first, Database(url) as second:
        for number in range(10):
            async with (first, second)[number % 2].begin() as tx:
                await tx.execute(insert(meta).values(key=str(number), value=""))
        async with first.read() as tx:
            kept = (await tx.execute(text("SELECT COUNT(*) FROM meta"))).scalar_one()

    assert kept == 10


@pytest.mark.slow
async def test_a_file_that_another_keeps_locked_is_unavailable_and_then_works_again(tmp_path):
    url = sqlite_url(tmp_path / "core.sqlite3")
    async with Database(url) as first, Database(url) as second:
        async with first.begin() as tx:
            await tx.execute(insert(meta).values(key="a", value=""))
            with pytest.raises(Unavailable, match="locked"):
                async with second.begin():
                    pass
        async with second.begin() as tx:
            await tx.execute(insert(meta).values(key="b", value=""))


async def test_a_cancelled_writer_leaves_no_lock_while_its_cursor_lives(tmp_path):
    url = sqlite_url(tmp_path / "core.sqlite3")
    kept = []

    async def cancelled(database):
        async with database.begin() as tx:
            driver = (await tx.get_raw_connection()).driver_connection
            kept.append(await driver.execute("SELECT name FROM sqlite_master"))
            await kept[0].fetchone()
            await tx.invalidate()  # what SQLAlchemy does when a call is cancelled
            raise asyncio.CancelledError

    async with Database(url) as first:
        with pytest.raises(asyncio.CancelledError):
            await cancelled(first)
        async with Database(url) as second:
            async with second.begin() as tx:
                await tx.execute(insert(meta).values(key="a", value=""))
            async with second.read() as tx:
                assert (await tx.execute(text("SELECT COUNT(*) FROM meta"))).scalar_one() == 1


async def test_a_callers_own_broken_connection_is_not_taken_for_the_stores(tmp_path):
    async with Database(sqlite_url(tmp_path / "core.sqlite3")) as database:
        with pytest.raises(ConnectionResetError, match="theirs"):
            async with database.begin():
                raise ConnectionResetError("theirs")


def test_a_hub_without_a_core_imports_nothing_of_it():
    wanted = "import sys, hub.app.hub, hub.cli.run; print([name for name in {} if name in sys.modules])"
    command = [sys.executable, "-c", wanted.format(("sqlalchemy", "alembic", "core"))]
    said = subprocess.run(command, capture_output=True, text=True, check=True)

    assert said.stdout.strip() == "[]"
