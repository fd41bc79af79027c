"""SQLite keeps anything in any column: what could never have been written is found where it stands."""

import orjson
import pytest
from sqlalchemy import select, text

from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchors
from core.audit.chain import SEALED
from core.audit.verify import verify
from core.store.database import Database, sqlite_url
from core.store.tables import audit_entries
from tests.factories.audit import KEY, chain, unguard, write

NO_TEXT = "CAST(x'c328ff' AS TEXT)"
"""Bytes that are no UTF-8: only `verify` reads on."""
JUNK = ("'not json'", "'1e400'", "'NaN'", "x'00ff80'", "3.5", "'[[' || 7")
CHAIN = chain()
COLUMNS = [name for name in (*SEALED, "hash") if name not in {"tenant", "seq"}]


@pytest.fixture
async def log(tmp_path):
    """In a file of SQLite, its triggers gone."""
    async with Database(sqlite_url(tmp_path / "core.sqlite3")) as database:
        async with database.begin() as tx:
            await write(tx, CHAIN, "acme", 6)
            await unguard(tx)
            await tx.execute(text("CREATE TABLE kept AS SELECT * FROM audit_entries WHERE seq = 3"))
        yield database


async def spoil(database, column, junk, seq=3):
    async with database.begin() as tx:
        await tx.execute(text("DELETE FROM audit_entries WHERE seq = 3"))
        await tx.execute(text("INSERT INTO audit_entries SELECT * FROM kept"))
        await tx.execute(text(f"UPDATE audit_entries SET {column} = {junk} WHERE seq = {seq}"))


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS)
async def test_junk_in_any_column_is_found_where_it_stands(log, column):
    for junk in (*JUNK, NO_TEXT):
        await spoil(log, column, junk)
        found = await verify(log, CHAIN, None)

        assert ("edited", 3) in {(one.kind, one.first) for one in found}, junk


@pytest.mark.parametrize("junk", ["'x'", "x'00'", "2.5"])
async def test_an_entry_without_a_number_is_found(log, junk):
    await spoil(log, "seq", junk)
    kinds = {(one.kind, one.first) for one in await verify(log, CHAIN, None)}

    assert kinds >= {("edited", 0), ("removed", 3)}


async def test_entries_of_no_tenant_are_found(log):
    await spoil(log, "tenant", "x'00'")
    kinds = {(one.kind, one.first) for one in await verify(log, CHAIN, None)}

    assert kinds >= {("edited", 0), ("removed", 3)}


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS)
async def test_an_entry_with_junk_is_shown_as_a_violation(log, column):
    for junk in JUNK:
        await spoil(log, column, junk)
        async with log.read() as tx:
            row = (await tx.execute(select(audit_entries).where(audit_entries.c.seq == 3))).mappings().one()
        shown = orjson.loads(orjson.dumps(CHAIN.entry(row).as_dict()))

        assert (shown["seq"], shown["integrity"]) == (3, "violation"), junk


async def test_a_newest_entry_with_junk_is_reported_and_not_anchored(log, tmp_path):
    anchors = Anchors(tmp_path / "anchors", KEY)
    await spoil(log, "details", "'not json'", seq=6)

    (finding,) = await Anchoring(log, CHAIN, anchors).once()
    assert (finding.kind, finding.first, anchors.heads()) == ("edited", 6, {})
