"""A database that went back takes no mail with it: files without a row stay until somebody decides."""

import shutil

import pytest
from sqlalchemy import delete
from structlog.testing import capture_logs

from core.app.service import CoreService
from core.config import CoreConfig
from core.seam import files, older
from core.service import alerts
from core.store.tables import audit_entries, audit_heads
from tests.factories.audit import unguard
from tests.factories.core_api import OPERATOR_BY

_REAL = [pytest.mark.server("postgresql-15"), pytest.mark.integration]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=_REAL)])
def url(request):
    """Of PostgreSQL; nothing for a SQLite file."""
    if request.param == "sqlite":
        yield None
        return
    server = request.getfixturevalue("postgresql_server")
    made = server.create(template=request.getfixturevalue("postgresql_template"))
    yield made
    server.drop(made)


@pytest.fixture
def service(tmp_path, buckets, url):
    config = CoreConfig(listen="127.0.0.1:0", database_url=url)
    return lambda: CoreService(config, tmp_path / "core", buckets, environ={})


async def work(core, count):
    for _ in range(count):
        async with core.database.begin() as tx:
            await alerts.add_rule(core, tx, OPERATOR_BY, alerts.RuleSettings(type="volume"))


async def put_back(core, folder, url):
    """Nothing of what the chains say is there any more, as in a database from before."""
    if url is None:
        shutil.copy(folder / "before.sqlite3", folder / "core.sqlite3")
        for name in ("core.sqlite3-wal", "core.sqlite3-shm"):
            (folder / name).unlink(missing_ok=True)
        return
    async with core.database as database, database.begin() as tx:
        await unguard(tx)
        await tx.execute(delete(audit_entries))
        await tx.execute(delete(audit_heads))


async def started(service):
    """What a start says, and which mail lies there after it."""
    with capture_logs() as said:
        async with service() as running:
            left = dict(files.folder(running.core, "quarantine").names(files.own(running.core)))
    return said, set(left)


@pytest.fixture
async def went_back(service, tmp_path, url):
    """The place of a message that was accepted after the database that is there now."""
    folder = tmp_path / "core"
    async with service():
        pass
    if url is None:
        shutil.copy(folder / "core.sqlite3", folder / "before.sqlite3")
    async with service() as running:
        await work(running.core, 3)
        name = files.file_name(running.core, "qua_accepted")
        await files.store(running.core, "quarantine", name, b"Subject: accepted\r\n\r\n")
    await put_back(running.core, folder, url)
    return name


async def test_mail_of_a_newer_database_is_kept_and_the_start_says_so(went_back, service, tmp_path):
    said, left = await started(service)
    older_ones = [one for one in said if one["event"] == "core.older_database"]
    kept = [one for one in said if one["event"] == "core.seam.files_kept"]

    assert left == {went_back}
    assert [(one["tenant"], one["ends_at"] < one["was_at"]) for one in older_ones] == [("default", True)]
    assert [(one["kind"], one["files"]) for one in kept] == [("quarantine", 1)]
    assert "mxhub restore" in kept[0]["do"]
    assert f"mv {tmp_path / 'core' / older.MARK} " in kept[0]["do"]


async def test_it_is_kept_though_the_log_has_grown_beyond_its_anchor(went_back, service):
    async with service() as running:
        await work(running.core, 9)
    _, left = await started(service)

    assert left == {went_back}


async def test_whoever_accepts_the_older_database_has_the_files_removed(went_back, service, tmp_path):
    await started(service)
    (tmp_path / "core" / older.MARK).rename(tmp_path / "core" / older.ACCEPTED)

    assert [(await started(service))[1], (await started(service))[1]] == [set(), set()]


async def test_a_database_that_did_not_go_back_is_swept(service):
    async with service() as running:
        await work(running.core, 3)
        name = files.file_name(running.core, "qua_nobodys")
        await files.store(running.core, "quarantine", name, b"x")
    said, left = await started(service)

    assert left == set()
    assert not [one for one in said if one["event"].startswith("core.older")]
