import sqlite3

import pytest

from core.store import keys, meta
from core.store.sqlite_file import Database, InUse, connect
from core.store.schema import MIGRATIONS, NewerSchema
from tests.factories.core import NOW_MS


async def test_what_was_written_is_there_after_a_restart(tmp_path):
    first = Database(tmp_path / "core.sqlite3")
    await first.open()
    await first.run(lambda db: meta.put(db, "a", "1"))
    await first.close()
    await first.open()

    assert await first.run(lambda db: meta.get(db, "a")) == "1"
    await first.close()


async def test_a_failed_transaction_leaves_nothing(tmp_path):
    database = Database(tmp_path / "core.sqlite3")
    await database.open()

    def fail(db):
        meta.put(db, "a", "1")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await database.run(fail)

    assert await database.run(lambda db: meta.get(db, "a")) is None
    await database.close()


async def test_a_closed_store_says_so(tmp_path):
    database = Database(tmp_path / "core.sqlite3")
    await database.open()
    await database.close()

    with pytest.raises(RuntimeError, match="closed"):
        await database.run(lambda db: meta.get(db, "a"))


async def test_a_second_owner_is_refused_until_the_first_is_gone(tmp_path):
    first, second = Database(tmp_path / "core.sqlite3"), Database(tmp_path / "core.sqlite3")
    await first.open()
    with pytest.raises(InUse, match="in use by another process"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


def test_a_file_of_a_later_release_is_refused_untouched(tmp_path):
    db = connect(tmp_path / "core.sqlite3")
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()

    with pytest.raises(NewerSchema, match="run the release that wrote it"):
        connect(tmp_path / "core.sqlite3")


def test_commits_are_on_disk_before_they_return_and_the_file_is_private(tmp_path):
    path = tmp_path / "core.sqlite3"
    db = connect(path)

    assert db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert db.execute("PRAGMA synchronous").fetchone()[0] == 2
    assert path.stat().st_mode & 0o777 == 0o600
    db.close()


def test_a_key_is_kept_as_hash_and_prefix_only(tmp_path):
    db = connect(tmp_path / "core.sqlite3")
    key, text = keys.create(db, name="siem", scope="read-only", now_ms=NOW_MS)
    stored = " ".join(str(value) for row in db.execute("SELECT * FROM api_key") for value in row)

    assert len(text) == 68
    assert text.startswith("nmg_")
    assert int(text[4:], 16) >= 0
    assert key.prefix == text[:20]
    assert text not in stored
    assert keys.live(db, text, NOW_MS) == key
    db.close()


@pytest.mark.parametrize("ending", ["revoked", "expired", "deleted", "unknown"])
def test_a_key_that_ended_is_not_live(tmp_path, ending):
    db = connect(tmp_path / "core.sqlite3")
    expires_ms = NOW_MS - 1 if ending == "expired" else None
    key, text = keys.create(db, name="k", scope="read-only", now_ms=NOW_MS, expires_ms=expires_ms)
    if ending == "revoked":
        keys.revoke(db, key.id, NOW_MS)
    elif ending == "deleted":
        keys.delete(db, key.id)

    assert keys.live(db, "nmg_0" if ending == "unknown" else text, NOW_MS) is None
    db.close()


def test_secrets_are_made_once(tmp_path):
    db = connect(tmp_path / "core.sqlite3")

    assert meta.secret(db, "a") == meta.secret(db, "a") != meta.secret(db, "b")
    assert isinstance(db, sqlite3.Connection)
    db.close()
