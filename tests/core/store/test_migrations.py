"""A store of any earlier revision comes up with its data, on SQLite and on a real PostgreSQL."""

import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from core.audit.entry import Actor
from core.store import domains, estate, feed, meta, outbox, quarantine, standings, webhooks
from core.store.database import Database, sqlite_url
from core.store.migrations import REVISIONS, NewerSchema, upgrade
from core.store.tables import audit_entries, domain_downstreams, metadata, stat_counters
from hub.access import keys
from hub.access.migrations import REVISIONS as ACCESS
from hub.access.principal import Grant
from hub.access.secret_text import digest
from tests.factories.core import NOW_MS, chain_at, note
from tests.factories.sandbox_file import AUDIT_KEY, KEY_TEXT, fill


def ours(_, name, kind, *__):
    """Keys and people lie in the same database, by revisions of their own."""
    return kind != "table" or not name.startswith("access_")


OPTIONS = {"version_table": REVISIONS.version_table, "include_object": ours}
FRESH = {"allow_key_admin": False, "limits": {}, "created_by": "", "created_ms": NOW_MS}
_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=_REAL)])
def empty_url(request, tmp_path):
    """A database without anything in it."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "core.sqlite3")
        return
    server = request.getfixturevalue("postgresql_server")
    url = server.create()
    yield url
    server.drop(url)


async def at(url, revision):
    """Take an empty database to a revision and put rows of that time into it."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(ACCESS.upgrade)
        await connection.run_sync(upgrade, revision)
        if revision == "0001":
            await connection.run_sync(fill)
    await engine.dispose()


@pytest.fixture
async def taken_over(empty_url):
    """A transaction on a store that a sandbox wrote."""
    await at(empty_url, "0001")
    async with Database(empty_url) as database, database.begin() as tx:
        yield tx


@pytest.mark.parametrize("revision", REVISIONS.known)
async def test_every_revision_leads_to_the_tables_of_today(empty_url, revision):
    await at(empty_url, revision)
    async with Database(empty_url) as database, database.begin() as tx:
        differences = await tx.run_sync(
            lambda connection: compare_metadata(
                MigrationContext.configure(connection, opts=OPTIONS), metadata
            )
        )

    assert differences == []


async def log(tx):
    """The audit log, as the sandbox reads it."""
    chain = chain_at(NOW_MS, key=bytes.fromhex(AUDIT_KEY))
    rows = await tx.execute(select(audit_entries).order_by(audit_entries.c.at_ms, audit_entries.c.seq))
    return [chain.entry(row) for row in rows.mappings()]


async def test_domains_keep_their_numbers_thresholds_and_servers(taken_over):
    first, second = await domains.every(taken_over)

    assert (first.number, first.name, first.active) == (1, "acme.example", True)
    assert (first.thresholds.quarantine, first.thresholds.reject) == (8.0, 15.0)
    assert [each.address for each in first.downstreams] == ["10.0.0.25:25", "10.0.1.25:2525"]
    assert (second.number, second.active, second.tenant_number) == (7, False, 3)


async def test_a_new_domain_gets_a_number_that_was_never_used(taken_over):
    await domains.add(
        taken_over,
        "new.example",
        backends=[],
        thresholds=(await domains.every(taken_over))[0].thresholds,
        now_ms=NOW_MS,
    )

    assert [domain.number for domain in await domains.every(taken_over)] == [1, 7, 8]


async def test_held_messages_keep_their_place_and_bytes(taken_over):
    held = await quarantine.find(taken_over, "node-1", "4F2A8C0D")

    assert held is not None
    assert (held.recipients, held.symbols) == (("grace@acme.example",), ("FISHY_TLD", "RBL_HIT"))
    assert await quarantine.body(taken_over, held) == b"Subject: x\r\n\r\n\x00\xff"
    assert await quarantine.count(taken_over) == 1
    asked = quarantine.select_from("default", quarantine.Filter(recipient="Grace@acme.example"))
    assert [row["id"] for row in (await taken_over.execute(asked)).mappings()] == [held.id]


async def test_audit_entries_become_one_sealed_chain_and_the_numbers_go_on(taken_over):
    entries = await log(taken_over)
    rows = (await taken_over.execute(select(audit_entries).order_by(audit_entries.c.seq))).all()
    new = await note(taken_over, NOW_MS + 9)

    assert [entry.id for entry in entries] == ["node-1:4", "node-2:1", "node-1:5"]
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.prev_hash for row in rows] == ["", rows[0].hash, rows[1].hash]
    assert entries[0].actor == Actor(type="user", id="admin", ip="10.0.0.5")
    assert entries[0].details == {"subject": "Grüße"}
    assert new == "node-1:6"


async def test_an_entry_that_was_altered_before_still_shows(taken_over):
    entries = await log(taken_over)

    assert [entry.sealed for entry in entries] == [True, False, True]


async def test_keys_open_the_same_doors(taken_over):
    key = await keys.by_hash(taken_over, digest(KEY_TEXT))
    made = await keys.add(
        taken_over, grants=[Grant.of(["read-only"])], tenant="default", hash="x", prefix="x", **FRESH
    )

    assert key is not None
    assert (key.number, key.description, key.principal().is_full_admin) == (3, "admin-key", True)
    assert (key.allow_key_admin, key.effective.per_minute, key.effective.burst) == (True, 100, 10)
    assert made.number > 3


async def test_webhooks_stand_where_they_stood_and_wait_for_their_secret(taken_over):
    (endpoint,) = await webhooks.many(taken_over, "default")
    waiting = await feed.after(taken_over, endpoint.position, 10)
    new = await outbox.emit(taken_over, "cert.expiring", "node-1", NOW_MS, {})

    assert (endpoint.position, endpoint.delivered, endpoint.given_up) == (40, 38, 2)
    assert (endpoint.enabled, endpoint.secret, endpoint.form) == (False, "", "mailguard")
    assert await webhooks.enabled(taken_over) == []
    assert [(each.seq, each.id) for each in waiting] == [(41, "evt_41"), (42, "evt_42")]
    assert (await feed.after(taken_over, 42, 10))[0].id == new


async def test_the_rest_of_the_estate_is_there(taken_over):
    (licence, nodes) = await estate.licence(taken_over), await estate.nodes(taken_over)
    (key,), (certificate,) = await estate.dkim_keys(taken_over), await estate.certificates(taken_over)
    standing = await standings.get(taken_over, "203.0.113.7")

    assert licence is not None
    assert (licence.tier, licence.max_domains) == ("trial", 5)
    assert [(node.id, node.present) for node in nodes] == [("node-1", True), ("node-2", True)]
    assert (key.selector, key.warned, certificate.serial, certificate.warned) == ("nmg1", True, "0a", False)
    assert (standing.score, standing.messages, standing.listed) == (-4.5, 20, True)
    assert await domains.verdicts(taken_over) == {"deliver": 5, "quarantine": 2}
    assert await meta.count_up(taken_over, "starts") == 4
    assert await meta.secret(taken_over, "audit_key") == bytes.fromhex(AUDIT_KEY)


async def test_a_days_count_stands_in_its_first_hour(taken_over):
    hours = set((await taken_over.execute(select(stat_counters.c.hour_ms))).scalars())

    assert hours == {1_777_593_600_000}  # 2026-05-01T00:00:00Z
    assert (await taken_over.execute(select(domain_downstreams.c.tenant).distinct())).scalars().all() == [
        "default"
    ]


async def test_nothing_of_the_old_tables_is_left(taken_over):
    names = await taken_over.run_sync(lambda connection: set(connection.dialect.get_table_names(connection)))

    own = {name for name in names if not name.startswith("access_")}  # the others are hub.access's
    assert own == {*metadata.tables, "core_version"}


def test_a_file_of_the_release_before_the_revisions_is_taken_over(tmp_path):
    path = tmp_path / "mailguard.sqlite3"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        upgrade(connection, "0001")
        fill(connection)
        connection.execute(text("DROP TABLE core_version"))
        connection.execute(text("PRAGMA user_version = 1"))
    with engine.begin() as connection:
        ACCESS.upgrade(connection)
        upgrade(connection)
        version = connection.execute(text("PRAGMA user_version")).scalar_one()
        names = connection.execute(text("SELECT name FROM domains ORDER BY number")).scalars().all()
    engine.dispose()

    assert (version, names) == (2, ["acme.example", "nordwind.example"])


@pytest.mark.parametrize("mark", ["PRAGMA user_version = 9", "UPDATE core_version SET version_num = '0999'"])
async def test_a_file_of_a_later_release_is_refused_untouched(tmp_path, sqlite_template, mark):
    path = tmp_path / "core.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    with sqlite3.connect(path) as connection:
        if "user_version" in mark:
            connection.execute("DROP TABLE core_version")
        connection.execute(mark)
    connection.close()
    before = sha256(path.read_bytes()).hexdigest()

    with pytest.raises(NewerSchema, match="run the release that wrote it"):
        await Database(sqlite_url(path)).open()
    assert sha256(path.read_bytes()).hexdigest() == before


async def test_a_step_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    url = sqlite_url(tmp_path / "core.sqlite3")
    await at(url, "0001")
    monkeypatch.setattr("core.store.migrations.sandbox_data.drop", lambda bind: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await Database(url).open()
    monkeypatch.undo()

    async with Database(url) as database, database.read() as tx:
        assert len(await domains.every(tx)) == 2


def test_the_newest_revision_is_the_one_that_is_asked_for():
    versions = Path(__file__).parents[3] / "core/store/migrations/versions"

    assert sorted(path.name[:4] for path in versions.glob("0*.py")) == list(REVISIONS.known)
