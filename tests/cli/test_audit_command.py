import asyncio
import json

import pytest
from click.testing import CliRunner

from core.audit.anchoring import Anchoring
from core.audit.anchors import Anchors
from core.audit.chain import Chain
from core.audit.keys import load
from core.store.database import Database, sqlite_url
from hub.cli.audit import audit
from tests.factories.audit import cut, edit, unguard, write


@pytest.fixture
def data(tmp_path):
    """A core's data directory with an anchored chain of three entries."""
    fill(tmp_path, sqlite_url(tmp_path / "core.sqlite3"))
    return tmp_path


def fill(folder, url):
    key = load(folder, {})

    async def work():
        async with Database(url) as database:
            chain = Chain(key)
            async with database.begin() as tx:
                await chain.confirm(tx)
                await write(tx, chain, "acme", 3)
            await Anchoring(database, chain, Anchors(folder / "anchors", key)).once()

    asyncio.run(work())


def tamper(data, how, *arguments, url="", **values):
    async def work():
        where = url or sqlite_url(data / "core.sqlite3")
        async with Database(where) as database, database.begin() as tx:
            await unguard(tx)
            await how(tx, *arguments, **values)

    asyncio.run(work())


def verify(data, *options, **environ):
    return CliRunner().invoke(audit, ["verify", "--data", str(data), *options], env=environ)


def test_a_log_that_holds_exits_0(data):
    done = verify(data)

    assert (done.exit_code, done.output) == (0, "the audit log holds\n")


def test_an_edited_entry_is_named_and_exits_1(data):
    tamper(data, edit, "acme", 2, actor="nobody")

    done = verify(data)

    assert done.exit_code == 1
    assert done.output.startswith("edited: tenant acme, entry 2: ")


def test_an_end_cut_off_is_found_by_the_anchors(data):
    tamper(data, cut, "acme", 1)

    done = verify(data, "--json")

    assert done.exit_code == 1
    assert [(one["kind"], one["first"], one["last"]) for one in json.loads(done.output)] == [
        ("truncated", 2, 3)
    ]


@pytest.mark.integration
def test_a_log_on_postgresql_is_verified_by_its_url(tmp_path, postgresql_url):
    fill(tmp_path, postgresql_url)
    before = verify(tmp_path, "--database", postgresql_url)
    tamper(tmp_path, edit, "acme", 2, actor="nobody", url=postgresql_url)
    edited = verify(tmp_path, "--database", postgresql_url)
    tamper(tmp_path, cut, "acme", 1, url=postgresql_url)
    shorter = verify(tmp_path, "--database", postgresql_url)

    assert (before.exit_code, before.output) == (0, "the audit log holds\n")
    assert edited.exit_code == shorter.exit_code == 1
    assert edited.output.startswith("edited: tenant acme, entry 2: ")
    assert "truncated: tenant acme" in shorter.output


def test_another_key_is_refused(data):
    done = verify(data, MXHUB_AUDIT_KEY="another key of at least 32 characters")

    assert done.exit_code == 2
    assert "begun with another key" in done.output


def test_no_key_is_made_where_there_is_none(data):
    (data / "audit.key").unlink()

    done = verify(data)

    assert done.exit_code == 2
    assert "MXHUB_AUDIT_KEY" in done.output
    assert not (data / "audit.key").exists()


def test_a_directory_without_a_database_is_refused(tmp_path):
    done = verify(tmp_path)

    assert done.exit_code == 2
    assert "core.sqlite3" in done.output
