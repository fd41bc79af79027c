"""A back-up of the core while it works: rows and files, the audit log and its anchors, of one moment."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from core.app.backup import freeze
from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchors
from core.audit.chain import Chain
from core.audit.entry import Resource
from core.audit.verify import verify
from core.service.by import Deed, record
from core.store.database import Database, sqlite_url
from core.store.tables import quarantine_items
from tests.factories.core_api import KEY, OPERATOR_BY, Api
from tests.factories.owner import Owner


def no_check(size: int, what: str) -> None:
    del size, what


@pytest.fixture
def anchoring(core):
    return Anchoring(core.database, core.chain, Anchors(core.data / "anchors", KEY))


async def hold(core, number):
    """A held message as the seam keeps one: its file first, then its row, and an entry."""
    name = f"node-1/aa/q{number}.eml"
    path = core.data / "quarantine" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"mail {number}")
    await Owner(Api(core, None), "default", "t").row(quarantine_items, file=name, state="held")
    async with core.database.begin() as tx:
        await record(core, tx, OPERATOR_BY, Deed(action="made", resource=Resource(type="mail", id=name)))
    return name


async def end(core, name):
    async with core.database.begin() as tx:
        await tx.execute(quarantine_items.delete().where(quarantine_items.c.file == name))
    (core.data / "quarantine" / name).unlink()


async def churn(core, anchoring):
    """Messages come and go, and anchors are written, for as long as it is left alone."""
    number, held = 1000, []
    while True:
        number += 1
        held.append(await hold(core, number))
        if len(held) > 3:
            await end(core, held.pop(0))
        await anchoring.once()
        await asyncio.sleep(0)


def laid_down(frozen, folder: Path) -> Path:
    for name, path in frozen.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    return folder


def rows_and_files(folder: Path):
    with closing(sqlite3.connect(folder / "core.sqlite3")) as database:
        rows = {file for (file,) in database.execute("SELECT file FROM quarantine_items")}
    root = folder / "quarantine"
    return rows, {path.relative_to(root).as_posix() for path in root.rglob("*.eml")}


async def test_under_load_every_row_has_its_file_and_every_file_its_row(core, anchoring, tmp_path):
    if core.database.path is None:
        pytest.skip("on PostgreSQL the database is its operator's")
    for number in range(20):
        await hold(core, number)
    load = asyncio.create_task(churn(core, anchoring))
    try:
        for turn in range(4):
            frozen = await freeze(core, anchoring, tmp_path / "work", no_check)
            folder = laid_down(frozen, tmp_path / f"restored{turn}")
            rows, files = rows_and_files(folder)
            async with Database(sqlite_url(folder / "core.sqlite3")) as database:
                found = await verify(database, Chain(KEY), Anchors(folder / "anchors", KEY))

            assert rows == files
            assert len(rows) >= 20
            assert frozen.left_out == [
                "core/audit.key: it is given by the environment; keep it with the back-up"
            ]
            assert found == []
    finally:
        load.cancel()
        await asyncio.wait([load])


async def test_a_file_that_is_gone_for_good_is_named(core, anchoring, tmp_path):
    if core.database.path is None:
        pytest.skip("on PostgreSQL the database is its operator's")
    name = await hold(core, 1)
    (core.data / "quarantine" / name).unlink()
    frozen = await freeze(core, anchoring, tmp_path / "work", no_check)

    assert f"core/quarantine/{name}: a row names it, and it is gone" in frozen.left_out
    assert f"quarantine/{name}" not in frozen.files


@pytest.mark.parametrize("state", ["released", "discarded", "expired"])
async def test_a_message_that_ended_has_no_file_to_miss(core, anchoring, tmp_path, state):
    if core.database.path is None:
        pytest.skip("on PostgreSQL the database is its operator's")
    name, kept = await hold(core, 1), await hold(core, 2)
    (core.data / "quarantine" / name).unlink()
    async with core.database.begin() as tx:
        ended = update(quarantine_items).where(quarantine_items.c.file == name).values(state=state)
        await tx.execute(ended)
    frozen = await freeze(core, anchoring, tmp_path / "work", no_check)

    assert [said for said in frozen.left_out if "it is gone" in said] == []
    assert [said for said in frozen.files if said.startswith("quarantine/")] == [f"quarantine/{kept}"]


async def test_on_postgresql_files_and_anchors_are_taken_and_the_database_named(core, anchoring, tmp_path):
    if core.database.path is not None:
        pytest.skip("SQLite's file is taken")
    name = await hold(core, 1)
    frozen = await freeze(core, anchoring, tmp_path / "work", no_check)

    assert f"quarantine/{name}" in frozen.files
    assert "pg_dump" in " ".join(frozen.left_out)
